// @ts-check
// Similarity: which layers say the same of the same clips?

import {chart, Plot} from "kinetoscope/charts";
import {mixed} from "kinetoscope/chapters/probes";
import {intervals, layerLink, said, signed} from "kinetoscope/chapters/sure";
import {choice, element, section} from "kinetoscope/element";
import {counted} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/**
 * @typedef {object} Data
 * @property {string} name
 * @property {string[]} layers
 * @property {{name: string, layers: string[]} | null} other
 * @property {number} videos
 * @property {Sure[][]} within
 * @property {Sure[][] | null} between
 * @property {Sure[][] | null} random
 * @property {Sure} shuffled
 * @property {{layer: string, error: string}[]} failures
 */

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  const options = [
    {value: "within", text: "with itself", beside: data.layers},
    {value: "between", text: data.other ? `with ${data.other.name}` : "", beside: data.other?.layers ?? []},
    {value: "random", text: "with random weights", beside: data.layers},
  ].filter(({value}) => data[/** @type {"within"} */ (value)] !== null);
  const first = data.between ? "between" : "within";
  const shown = element("div");
  const body = section(
    parent,
    "Layer by layer",
    options.length > 1 && choice("what it is held against", options, first, draw),
    `Linear centred kernel alignment over ${counted(data.videos, "video")}, without the bias of few: 1 says the same up to a rotation and a scale, 0 is unrelated. Where the videos of one layer are put in another order it is ${said(data.shuffled, signed)}.`,
  );
  body.append(shown);
  /** @param {string} value */
  function draw(value) {
    shown.replaceChildren();
    const found = options.find((each) => each.value === value) ?? options[0];
    matrix(data.layers, found.beside, data[/** @type {"within"} */ (found.value)], shown);
  }
  draw(first);
  learnt(data, parent);
  for (const {layer, error} of data.failures) parent.append(element("p.note", {}, `${layer} is left out: ${error}`));
}

/**
 * @param {string[]} down
 * @param {string[]} across
 * @param {Sure[][]} values
 * @param {Element} parent
 */
function matrix(down, across, values, parent) {
  const cells = down.flatMap((row, i) => across.map((column, j) => ({row, column, found: values[i][j], value: values[i][j].value})));
  const inside = element("div", {style: {"min-width": `${Math.min(900, 130 + 18 * across.length)}px`, "max-width": `${200 + 52 * across.length}px`}});
  parent.append(element("div.scroll", {}, inside));
  const short = (/** @type {string} */ text) => (text.length > 20 ? `…${text.slice(-19)}` : text);
  chart(inside, "How alike layers are", (width) => {
    const side = (width - 150) / across.length;
    return Plot.plot({
      width,
      height: 120 + Math.max(18, Math.min(40, side)) * down.length,
      marginLeft: Math.min(150, width * 0.36),
      marginTop: 6,
      marginBottom: 110,
      x: {label: null, domain: across, tickRotate: -45, tickFormat: short},
      y: {label: null, domain: down, tickFormat: short},
      color: {type: "linear", domain: [0, 1], clamp: true, interpolate: mixed},
      marks: [
        Plot.cell(cells, {
          x: "column",
          y: "row",
          fill: (/** @type {any} */ d) => d.value ?? 0,
          inset: 0.5,
          title: (/** @type {any} */ d) => `${d.row} and ${d.column}: ${said(d.found, signed)}`,
        }),
        side > 28
          ? Plot.text(cells, {
            x: "column",
            y: "row",
            text: (/** @type {any} */ d) => (d.value === null ? "–" : signed(d.value).replace("0.", ".")),
            fill: (/** @type {any} */ d) => ((d.value ?? 0) > 0.55 ? "var(--cell-ink-1)" : "var(--ink)"),
            fontSize: 11,
            pointerEvents: "none",
          })
          : null,
      ],
    });
  });
}

/**
 * How much of a layer the architecture gives without learning.
 * @param {Data} data
 * @param {Element} parent
 */
function learnt({layers, random}, parent) {
  if (!random) return;
  const body = section(
    parent,
    "What learning changed",
    null,
    "Each layer beside the same one with random weights. Where they are alike, the architecture alone makes it so; where they are not, it was learnt.",
  );
  intervals(
    body,
    layers.map((layer, place) => ({row: layer, series: "like itself with random weights", found: random[place][place], href: layerLink(layer)})),
    {
      name: "Similarity to the same layer with random weights",
      label: "similarity",
      series: [{name: "like itself with random weights", colour: "var(--grey)"}],
      shown: signed,
      domain: [Math.min(0, ...layers.map((_, place) => random[place][place].low ?? 0)), 1],
    },
  );
}

/**
 * @param {{layers: number, first_and_last: Sure, ends: string[], changed_most: string | null, left_of_it: number | null}} told
 * @param {Element} card
 */
export function summary({first_and_last, ends, changed_most, left_of_it}, card) {
  const first = `The first layer and the last, ${ends[0]} and ${ends[1]}, are alike to ${said(first_and_last, signed)}, where 1 is the same.`;
  const second = changed_most ? ` Learning changed ${changed_most} most: it is like itself with random weights to ${signed(left_of_it ?? 0)}.` : "";
  card.append(element("p", {}, first + second));
}
