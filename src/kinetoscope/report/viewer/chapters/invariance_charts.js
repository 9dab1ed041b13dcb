// @ts-check
// Charts of invariance: curves over a change, and numbers layer by layer, beside random weights.

import {chart, Plot} from "kinetoscope/charts";
import {element} from "kinetoscope/element";

/** @typedef {{value: number | null, low: number | null, high: number | null}} Interval */
/**
 * @typedef {object} Axis  along which a change goes
 * @property {number[]} steps  from no change
 * @property {number[]} values
 * @property {string} text
 * @property {(place: number) => string} shown
 */

export const OWN = "var(--motion)";
export const OTHER = "var(--grey)";
export const LOST = "var(--accent)";

/**
 * A line with its band over a change, beside that of random weights.
 * @param {Element} parent
 * @param {string} name
 * @param {Axis} axis
 * @param {Interval[]} own
 * @param {Interval[] | null} other
 * @param {{most: number, least?: number}} options  values beyond are drawn at the edge
 */
export function curve(parent, name, axis, own, other, {most, least = 0}) {
  const points = (/** @type {Interval[] | null} */ row) =>
    (row ?? []).flatMap((each, i) => {
      if (each.value === null) return [];
      const within = (/** @type {number | null} */ value) => Math.min(most, Math.max(least, value ?? 0));
      return [{step: axis.steps[i], place: i, ...each, value: within(each.value), low: within(each.low), high: within(each.high), is: each.value}];
    });
  const [mine, theirs] = [points(own), points(other)];
  const title = (/** @type {any} */ point) => `${axis.shown(point.place)}: ${point.is.toPrecision(2)}`;
  const ends = [0, axis.steps.length - 1, axis.steps.indexOf(0)];
  chart(parent, name, (width) =>
    Plot.plot({
      width,
      height: 120,
      marginLeft: 30,
      marginRight: 14,
      marginTop: 8,
      marginBottom: 24,
      x: {
        label: null,
        domain: [Math.min(...axis.steps), Math.max(...axis.steps)],
        ticks: [...new Set(ends)].map((place) => axis.steps[place]),
        tickFormat: (/** @type {number} */ step) => axis.shown(axis.steps.indexOf(step)),
        inset: 4,
      },
      y: {label: null, domain: [least, most], ticks: 3, grid: true},
      marks: [
        Plot.areaY(theirs, {x: "step", y1: "low", y2: "high", fill: OTHER, fillOpacity: 0.15}),
        Plot.areaY(mine, {x: "step", y1: "low", y2: "high", fill: OWN, fillOpacity: 0.18}),
        Plot.lineY(theirs, {x: "step", y: "value", stroke: OTHER, strokeWidth: 1.5}),
        Plot.lineY(mine, {x: "step", y: "value", stroke: OWN, strokeWidth: 2}),
        Plot.dot(mine, {x: "step", y: "value", fill: OWN, r: 2.5, title}),
      ],
    }),
  );
}

/**
 * @typedef {object} Row
 * @property {string} layer
 * @property {number} series  its place among the series
 * @property {number} value
 * @property {number} low
 * @property {number} high
 * @property {boolean} [bound]  whether it is no more than a bound: drawn hollow
 */

/**
 * Numbers layer by layer, with their intervals.
 * @param {Element} parent
 * @param {string} name
 * @param {string[]} layers
 * @param {Row[]} rows
 * @param {{text: string, colours: string[], domain?: [number, number], mark?: number, ticks?: {layer: string, value: number}[]}} options
 *   `mark` is drawn as a line over all layers, `ticks` in each
 */
export function layerRows(parent, name, layers, rows, {text, colours, domain, mark, ticks = []}) {
  const many = colours.length;
  chart(parent, name, (width) =>
    Plot.plot({
      width,
      height: 52 + (18 + 6 * many) * layers.length,
      marginLeft: Math.min(160, width * 0.38),
      marginRight: 20,
      x: {label: text, grid: true, domain, zero: true, nice: !domain, ticks: Math.max(3, width / 110)},
      y: {label: null, domain: layers},
      marks: [
        mark === undefined ? null : Plot.ruleX([mark], {stroke: "var(--line-2)"}),
        Plot.tickX(ticks, {x: "value", y: "layer", stroke: "var(--ink-3)"}),
        ...colours.flatMap((colour, series) => {
          const own = rows.filter((row) => row.series === series);
          const dy = 6 * (series - (many - 1) / 2);
          return [
            Plot.ruleY(own, {x1: "low", x2: "high", y: "layer", stroke: colour, strokeWidth: 2, dy}),
            Plot.dot(own, {
              x: "value",
              y: "layer",
              stroke: colour,
              fill: (/** @type {Row} */ row) => (row.bound ? "var(--surface)" : colour),
              strokeWidth: 1.5,
              r: 3.5,
              dy,
              title: (/** @type {Row} */ row) =>
                `${row.layer}: ${row.bound ? "at least " : ""}${row.value} (${row.low} to ${row.high})`,
            }),
          ];
        }),
      ],
    }),
  );
}

/** @param {[string, string][]} entries  colour and words  @param {string} [more] */
export const legend = (entries, more) =>
  element(
    "p.legend",
    {},
    entries.flatMap(([colour, words]) => [element("i", {style: {background: colour}}), words]),
    more && element("span", {}, more),
  );

/** Small charts side by side. */
export const tiles = () =>
  element("div", {
    style: {display: "grid", "grid-template-columns": "repeat(auto-fill, minmax(min(100%, 160px), 1fr))", gap: "16px 14px"},
  });

/**
 * Where hiding costs what: the picture as a grid, the first row at the top.
 * @param {Element} parent
 * @param {string} name
 * @param {(number | null)[]} losses  in hundredths, row by row
 * @param {number} columns
 */
export function lossMap(parent, name, losses, columns) {
  parent.append(
    element(
      "div",
      {role: "img", "aria-label": name, style: {display: "grid", "grid-template-columns": `repeat(${columns}, 1fr)`, width: "170px", gap: "2px"}},
      losses.map((loss) => {
        const share = Math.min(100, Math.max(0, loss ?? 0));
        return element(
          "span",
          {
            title: `${loss ?? "–"} % lost`,
            style: {
              background: `color-mix(in oklab, var(--cell-1) ${share}%, var(--cell-0))`,
              "aspect-ratio": "1",
              "border-radius": "2px",
            },
          },
        );
      }),
    ),
  );
}

/**
 * When hiding costs what: a bar a window.
 * @param {Element} parent
 * @param {string} name
 * @param {(number | null)[]} losses
 */
export function lossTimes(parent, name, losses) {
  const windows = losses.map((loss, i) => ({window: i + 1, loss: Math.max(0, loss ?? 0)}));
  chart(parent, name, (width) =>
    Plot.plot({
      width: Math.min(width, 300),
      height: 140,
      marginLeft: 34,
      x: {type: "band", label: "window"},
      y: {label: "% lost", domain: [0, Math.max(100, ...windows.map(({loss}) => loss))], grid: true, ticks: 3},
      marks: [Plot.barY(windows, {x: "window", y: "loss", fill: LOST, title: (/** @type {any} */ each) => `${each.loss} %`}), Plot.ruleY([0])],
    }),
  );
}
