// @ts-check
// The evaluation: how often is the network right, how sure is it, and what does it mix up?

import {address} from "kinetoscope/address";
import {chart, Plot} from "kinetoscope/charts";
import {element} from "kinetoscope/element";
import {count, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Look} Look */
/** @typedef {{truth: number, taken: number, count: number}} Confusion */

/**
 * @param {Look} look
 * @returns {Confusion[]} pairs that are mixed up, the commonest first
 */
export function confusions({evaluation}) {
  /** @type {Confusion[]} */ const found = [];
  evaluation?.confusion?.forEach((row, truth) =>
    row.forEach((count, taken) => {
      if (count > 0 && truth !== taken) found.push({truth, taken, count});
    }),
  );
  return found.sort((a, b) => b.count - a.count);
}

/**
 * A row for each true class, a column for each answer. Every cell leads to its clips.
 * @param {Look} look
 * @param {Element} parent
 */
export function confusion(look, parent) {
  const matrix = look.evaluation?.confusion;
  if (!matrix) return;
  const names = look.network.labels;
  const many = names.length > 40;
  const cells = matrix.flatMap((row, i) => {
    const all = row.reduce((sum, each) => sum + each, 0);
    return row
      .map((each, j) => ({i, j, count: each, share: all ? each / all : 0}))
      .filter((cell) => cell.count > 0);
  });
  /** @param {{i: number, j: number}} cell */
  const href = ({i, j}) => address.clips({label: names[i], predicted: names[j]});
  /** @param {{i: number, j: number, count: number}} cell */
  const said = ({i, j, count: times}) => `${count(times)} of ${names[i]} taken for ${names[j]}`;
  const margin = many ? 20 : Math.min(130, 14 + 6.2 * Math.max(...names.map((name) => name.length)));
  const tick = {
    tickSize: 0,
    textOverflow: "ellipsis-end",
    lineWidth: (margin - 12) / 10,
    fill: "var(--ink)",
    href: (/** @type {number} */ i) => address.label(names[i]),
  };
  chart(parent, "Confusion matrix", (width) => {
    const side = Math.min(width - margin, 40 * names.length, 620);
    const step = side / names.length;
    return Plot.plot({
      width: side + margin + 4,
      height: side + margin + 4,
      marginLeft: margin,
      marginTop: margin,
      marginRight: 4,
      marginBottom: 4,
      padding: many ? 0 : 0.06,
      x: {domain: names.map((_, i) => i), axis: null},
      y: {domain: names.map((_, i) => i), axis: null},
      color: {
        type: "linear",
        domain: [0, 1],
        range: ["var(--cell-0)", "var(--cell-1)"],
        interpolate: (/** @type {string} */ a, /** @type {string} */ b) => (/** @type {number} */ t) =>
          `color-mix(in oklab, ${a}, ${b} ${100 * Math.sqrt(t)}%)`,
      },
      marks: [
        Plot.frame({stroke: "var(--line)"}),
        many
          ? null
          : Plot.axisX({
              ...tick,
              anchor: "top",
              tickRotate: -45,
              tickFormat: (/** @type {number} */ i) => names[i],
              label: null,
            }),
        many ? null : Plot.axisY({...tick, tickFormat: (/** @type {number} */ i) => names[i], label: null}),
        Plot.cell(cells, {
          x: "j",
          y: "i",
          fill: "share",
          href,
          title: said,
          ariaLabel: said,
          rx: many ? 0 : 2,
        }),
        step < 20
          ? null
          : Plot.text(cells, {
              x: "j",
              y: "i",
              text: "count",
              fill: (/** @type {any} */ cell) => (cell.share > 0.35 ? "var(--cell-ink-1)" : "var(--ink)"),
              fontSize: 11,
              pointerEvents: "none",
            }),
      ],
    });
  });
  parent.append(
    element("p.legend", {}, "Rows: what it is. Columns: what the network says. A cell leads to its clips."),
  );
}

/**
 * Is it right as often as it says?
 * @param {Look} look
 * @param {Element} parent
 */
export function reliability({evaluation}, parent) {
  const bins = (evaluation?.reliability ?? []).filter((bin) => bin.count > 0);
  if (!bins.length) return;
  const most = Math.max(...bins.map((bin) => bin.count));
  chart(parent, "Reliability: how often it is right at each confidence", (width) =>
    Plot.plot({
      width: Math.min(width, 420),
      height: Math.min(width, 420) * 0.72,
      marginLeft: 44,
      marginBottom: 38,
      marginTop: 26,
      x: {domain: [0, 1], label: "it says", tickFormat: "%", ticks: 5},
      y: {domain: [0, 1], label: "it is right", tickFormat: "%", ticks: 5, grid: true},
      marks: [
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          {stroke: "var(--grey)", strokeDasharray: "3 4"},
        ),
        Plot.line(bins, {x: "confidence", y: "accuracy", stroke: "var(--accent)", strokeWidth: 1.5}),
        Plot.dot(bins, {
          x: "confidence",
          y: "accuracy",
          r: (/** @type {any} */ bin) => 3 + 6 * Math.sqrt(bin.count / most),
          fill: "var(--accent)",
          fillOpacity: 0.85,
          title: (/** @type {any} */ bin) =>
            `${bin.count} videos: says ${percent(bin.confidence)}, is right ${percent(bin.accuracy)}`,
        }),
        Plot.ruleY([0]),
      ],
    }),
  );
}
