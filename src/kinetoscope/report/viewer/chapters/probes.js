// @ts-check
// Probes: how well are labels read from each layer by a straight cut, along the depth?

import {chart, Plot} from "kinetoscope/charts";
import {intervals, layerLink, said} from "kinetoscope/chapters/sure";
import {choice, element, section} from "kinetoscope/element";
import {count, counted, listed, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/**
 * @typedef {object} Probe
 * @property {string} layer
 * @property {number} features
 * @property {"logistic" | "svm"} machine
 * @property {"mean" | "largest"} pool
 * @property {Sure} accuracy
 * @property {Sure} shuffled
 * @property {Sure | null} random
 * @property {Sure | null} learnt
 * @property {Sure | null} since_first
 * @property {Record<string, number>} per_label
 * @property {number} unfinished
 */
/**
 * @typedef {object} Data
 * @property {string[]} labels
 * @property {{label: string, groups: number}[]} left_out
 * @property {number} unlabelled
 * @property {number} clips
 * @property {number} groups
 * @property {string} fitted_to
 * @property {string | null} tested_on
 * @property {number | null} folds
 * @property {number} chance
 * @property {Sure | null} network
 * @property {Probe[]} probes
 * @property {{layer: string, error: string}[]} failures
 */

const MACHINES = {logistic: "logistic regression", svm: "support vectors"};
const POOLS = {mean: "mean over places", largest: "largest of places"};

/** @param {number} value */
const share = (value) => percent(value, 0);

/** @param {Probe} probe */
const kindOf = ({machine, pool}) => `${machine} ${pool}`;

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  const kinds = [...new Map(data.probes.map((probe) => [kindOf(probe), probe])).values()];
  const shown = element("div");
  const pools = new Set(kinds.map(({pool}) => pool)).size > 1;
  const options = kinds.map((probe) => ({
    value: kindOf(probe),
    text: pools ? `${MACHINES[probe.machine]}, ${POOLS[probe.pool]}` : MACHINES[probe.machine],
  }));
  const chosen = choice("which probe", options, options[0].value, draw);
  chosen.style.flexWrap = "wrap";
  parent.append(element("div.tools", {style: {"margin-top": "18px"}}, options.length > 1 && chosen, element("span", {}, told(data))), shown);
  /** @param {string} kind */
  function draw(kind) {
    const own = data.probes.filter((probe) => kindOf(probe) === kind);
    shown.replaceChildren();
    along(data, own, shown);
    byLabel(data, own, shown);
    numbers(own, shown);
  }
  draw(options[0].value);
  leftOut(data, parent);
}

/** @param {Data} data */
const told = ({clips, groups, labels, folds, fitted_to, tested_on}) =>
  tested_on === null
    ? `${counted(clips, "clip")} of ${counted(labels.length, "class", "classes")}, in ${counted(groups, "group")}; cross-validated in ${folds} parts, no group on both sides.`
    : `Fitted to ${fitted_to}, tested on ${counted(clips, "clip")} of ${tested_on}.`;

/**
 * @param {Data} data
 * @param {Probe[]} own
 * @param {Element} parent
 */
function along(data, own, parent) {
  const body = section(
    parent,
    "Along the depth",
    null,
    "How many clips a linear machine tells right that sees nothing but one layer, pooled over time and place. What rises with depth here and not with random weights was learnt; shuffled labels show what is got from nothing.",
  );
  const series = [
    {name: "this network", colour: "var(--both)"},
    ...(own.some(({random}) => random) ? [{name: "random weights", colour: "var(--grey)"}] : []),
    {name: "shuffled labels", colour: "var(--ink-3)", hollow: true},
  ];
  const rows = own.flatMap(({layer, accuracy, random, shuffled}) =>
    [
      {series: "this network", found: accuracy},
      {series: "random weights", found: random},
      {series: "shuffled labels", found: shuffled},
    ].map((each) => ({row: layer, href: layerLink(layer), ...each})),
  );
  const rules = [{value: data.chance, text: "chance"}];
  if (data.network && data.network.value !== null) rules.push({value: data.network.value, text: "network"});
  intervals(body, rows, {
    name: "Accuracy of a linear probe of each layer",
    label: "accuracy",
    series,
    shown: share,
    domain: [0, 1],
    rules,
  });
}

/**
 * @param {Data} data
 * @param {Probe[]} own
 * @param {Element} parent
 */
function byLabel(data, own, parent) {
  if (data.labels.length > 60) return;
  const body = section(
    parent,
    "Where each class appears",
    null,
    "The share of each class's clips that is told right from each layer.",
  );
  const cells = own.flatMap(({layer, per_label}) => Object.entries(per_label).map(([label, right]) => ({layer, label, right})));
  const frame = element("div.scroll");
  const inside = element("div", {style: {"min-width": `${Math.min(900, 170 + 26 * data.labels.length)}px`}});
  frame.append(inside);
  body.append(frame);
  chart(inside, "Share told right, by layer and class", (width) => {
    const words = width > 170 + 36 * data.labels.length;
    return Plot.plot({
      width,
      height: 120 + 26 * own.length,
      marginLeft: Math.min(170, width * 0.3),
      marginTop: 6,
      marginBottom: 110,
      x: {label: null, domain: data.labels, tickRotate: -45, tickFormat: (/** @type {string} */ text) => (text.length > 18 ? `${text.slice(0, 17)}…` : text)},
      y: {label: null, domain: own.map(({layer}) => layer)},
      color: {type: "linear", domain: [0, 1], interpolate: mixed},
      marks: [
        Plot.cell(cells, {
          x: "label",
          y: "layer",
          fill: "right",
          inset: 0.5,
          title: (/** @type {any} */ d) => `${d.label} from ${d.layer}: ${share(d.right)}`,
        }),
        words
          ? Plot.text(cells, {
            x: "label",
            y: "layer",
            text: (/** @type {any} */ d) => Math.round(100 * d.right),
            fill: (/** @type {any} */ d) => (d.right > 0.55 ? "var(--cell-ink-1)" : "var(--ink)"),
            fontSize: 11,
            pointerEvents: "none",
          })
          : null,
      ],
    });
  });
}

/** From nothing to all, in this page's colours. @param {number} part */
export const mixed = (part) => `color-mix(in srgb, var(--cell-1) ${Math.round(100 * Math.max(0, Math.min(1, part)))}%, var(--cell-0))`;

/**
 * @param {Probe[]} own
 * @param {Element} parent
 */
function numbers(own, parent) {
  const control = own.some(({random}) => random);
  const names = ["layer", "units", "accuracy", ...(control ? ["more than with random weights"] : []), "more than the first layer"];
  section(parent, "What was learnt, and since when", null, "Differences on the same clips, with 95 % intervals; one that includes 0 may be chance.").append(
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, names.map((text) => element("th", {}, text)))),
        element(
          "tbody",
          {},
          own.map((probe) =>
            element(
              "tr",
              {},
              element("td", {}, layerLink(probe.layer) ? element("a", {href: layerLink(probe.layer)}, probe.layer) : probe.layer),
              element("td", {}, count(probe.features)),
              element("td", {}, said(probe.accuracy, share)),
              control && element("td", {}, said(probe.learnt, points)),
              element("td", {}, said(probe.since_first, points)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** @param {number} value */
const points = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(100 * value).toFixed(0)}`;

/**
 * @param {Data} data
 * @param {Element} parent
 */
function leftOut({left_out, unlabelled, failures, probes}, parent) {
  const lines = [
    left_out.length && `Left out, since they come in one group of videos alone: ${listed(left_out.map(({label}) => label))}.`,
    unlabelled && `${counted(unlabelled, "clip")} without a class.`,
    ...failures.map(({layer, error}) => `${layer}: ${error}`),
    probes.some(({unfinished}) => unfinished) && "Some fits stopped before they came to rest; the table says how many.",
  ].filter(Boolean);
  if (!lines.length) return;
  section(parent, "What is left out").append(element("ul.plain", {}, lines.map((text) => element("li", {}, text))));
}

/**
 * @param {{first: Part, best: Part, layers: number, chance: number}} told
 * @typedef {{layer: string, accuracy: Sure, random: Sure | null}} Part
 * @param {Element} card
 */
export function summary({first, best, layers, chance}, card) {
  const beside = best.random ? `; with random weights ${share(best.random.value ?? 0)}` : "";
  const text =
    layers < 2
      ? `A straight cut through ${best.layer} tells ${said(best.accuracy, share)} of the clips right${beside}.`
      : `A straight cut tells ${said(first.accuracy, share)} of the clips right from ${first.layer}, and ${said(best.accuracy, share)} from ${best.layer}${beside}.`;
  card.append(element("p", {}, `${text} Chance is ${share(chance)}.`));
}
