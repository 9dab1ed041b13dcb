// @ts-check
// The scan: how does this unit answer to every clip, and to the clips of each class?

import {address} from "kinetoscope/address";
import {bars, chart, Plot} from "kinetoscope/charts";
import {element} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {paceColours} from "kinetoscope/stimuli";
import {number} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */

const FIRST = 16;

/**
 * Its mean answer to each class, the strongest first.
 * @param {Unit} unit
 * @param {Element} parent
 */
export function profile(unit, parent) {
  const rows = (unit.profile ?? [])
    .map((value, i) => ({value, i}))
    .filter(({value}) => value !== null)
    .sort((a, b) => Number(b.value) - Number(a.value))
    .map(({value, i}) => ({
      text: look.network.labels[i] ?? String(i),
      value,
      shown: number(value),
      href: address.label(look.network.labels[i] ?? String(i)),
      tone: i === unit.preferred ? "strong" : undefined,
    }));
  bars(parent, rows.slice(0, FIRST), {name: `Mean activation of ${unit.unit} by class`});
  if (rows.length <= FIRST) return;
  const rest = element("details", {}, element("summary", {}, `${rows.length - FIRST} more classes`));
  parent.append(rest);
  bars(rest, rows.slice(FIRST), {name: "The other classes", most: Number(rows[0].value)});
}

/**
 * Its maximum in every clip as a histogram, with its stimuli marked.
 * @param {Unit} unit
 * @param {Element} parent
 */
export function histogram(unit, parent) {
  const {histogram: bins, stimuli} = unit;
  if (!bins) return;
  const boxes = bins.counts.map((count, i) => ({count, from: bins.edges[i], to: bins.edges[i + 1]}));
  const marks = stimuli.filter((each) => each.activation !== null);
  const colours = paceColours(stimuli.length);
  chart(parent, `Activation of ${unit.unit}: clips as a histogram, stimuli as lines`, (width) =>
    Plot.plot({
      width,
      height: 190,
      marginLeft: 40,
      marginTop: 24,
      marginBottom: 34,
      x: {label: "activation", ticks: Math.max(3, width / 90), tickFormat: "~g"},
      y: {label: "clips", grid: true, ticks: 4, tickFormat: "~d"},
      marks: [
        Plot.rectY(boxes, {
          x1: "from",
          x2: "to",
          y: "count",
          fill: "var(--grey)",
          insetLeft: 0.5,
          insetRight: 0.5,
        }),
        Plot.ruleY([0]),
        Plot.ruleX(marks, {
          x: "activation",
          stroke: (/** @type {any} */ each) => colours[stimuli.indexOf(each)],
          strokeWidth: 2,
        }),
        Plot.dot(marks, {
          x: "activation",
          y: () => Math.max(...bins.counts),
          r: 3.5,
          fill: (/** @type {any} */ each) => colours[stimuli.indexOf(each)],
          dy: -4,
        }),
      ],
    }),
  );
  if (marks.length) {
    parent.append(
      element(
        "p.legend",
        {},
        "grey: real clips",
        stimuli.map(
          (each, i) =>
            each.activation !== null && [
              element("i", {style: {background: colours[i]}}),
              `stimulus, χ = ${number(each.slowness)}`,
            ],
        ),
      ),
    );
  }
}
