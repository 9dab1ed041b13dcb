// @ts-check
// Charts of the attribution check: curves, likeness along depth, agreement.

import {chart, Plot} from "kinetoscope/charts";
import {mixed} from "kinetoscope/chapters/probes";
import {said, signed} from "kinetoscope/chapters/sure";
import {element} from "kinetoscope/element";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/** @typedef {import("kinetoscope/chapters/attribution-check").Method} Method */
/** @typedef {import("kinetoscope/chapters/attribution-check").Data} Data */

const WAYS = {deletion: "var(--accent)", insertion: "var(--both)"};

/**
 * A tile a method: deletion and insertion beside the controls.
 * @param {Element} parent
 * @param {Method[]} methods
 * @param {Data["controls"]} controls
 * @param {string} filling
 * @param {number[]} shares  of the blocks, at each step
 */
export function curves(parent, methods, controls, filling, shares) {
  const beside = [
    {found: controls.random, dash: "5 3"},
    {found: controls.centre, dash: "1 3"},
  ].flatMap(({found, dash}) => lines(found.fillings[filling].curves, shares).map((line) => ({...line, dash})));
  const all = [...beside, ...methods.flatMap((method) => lines(method.fillings[filling].curves, shares))].flatMap(({points}) => points);
  const domain = [Math.min(0, ...all.map(({value}) => value)), Math.max(1, ...all.map(({value}) => value))];
  tiles(parent, methods, (method, frame) => {
    const own = lines(method.fillings[filling].curves, shares);
    chart(frame, `Deletion and insertion by ${method.name}`, (width) =>
      Plot.plot({
        ...tile(width),
        x: {label: null, domain: [0, 1], ticks: [0, 0.5, 1], tickFormat: (/** @type {number} */ d) => `${100 * d} %`},
        y: {label: null, domain, ticks: [0, 0.5, 1], grid: true},
        marks: [
          ...beside.map(({points, dash}) => Plot.lineY(points, {x: "share", y: "value", stroke: "var(--grey)", strokeDasharray: dash})),
          ...own.map(({points, way}) => Plot.lineY(points, {x: "share", y: "value", stroke: WAYS[way], strokeWidth: 2, title: () => way})),
        ],
      }),
    );
  });
}

/**
 * A tile a method: how alike heat is to its own, stage by stage.
 * @param {Element} parent
 * @param {Method[]} methods
 */
export function depth(parent, methods) {
  const longest = Math.max(...methods.map(({random}) => random.stages.length));
  const least = Math.min(0, ...methods.flatMap(({random}) => random.stages.map(({alike}) => alike.low ?? 0)));
  tiles(parent, methods, (method, frame) => {
    const {stages, chance} = method.random;
    const points = stages.map(({layers, alike}, place) => ({...alike, layers, step: longest - stages.length + place + 1}));
    const line = [{step: 0, value: 1}, ...points].filter(({value}) => value !== null);
    const colour = method.changes ? "var(--accent)" : "var(--bad)";
    chart(frame, `Likeness of the heat of ${method.name} to its own as weights are drawn`, (width) =>
      Plot.plot({
        ...tile(width),
        x: {
          label: null,
          domain: [-0.2, longest + 0.2],
          ticks: [0, longest],
          tickFormat: (/** @type {number} */ d) => (d ? "all random" : "trained"),
        },
        y: {label: null, domain: [least, 1], ticks: [0, 0.5, 1], grid: true},
        marks: [
          chance.value === null ? null : Plot.ruleY([chance.value], {stroke: "var(--grey)", strokeDasharray: "5 3"}),
          Plot.lineY(line, {x: "step", y: "value", stroke: colour, strokeWidth: 1.5}),
          Plot.ruleX(points, {x: "step", y1: "low", y2: "high", stroke: colour, strokeWidth: 2}),
          Plot.dot(line, {
            x: "step",
            y: "value",
            r: 3,
            fill: colour,
            title: (/** @type {any} */ d) => (d.layers ? `and ${d.layers.join(", ")}: ${said(d, signed)}` : "as trained"),
          }),
        ],
      }),
    );
  });
}

/**
 * @param {Element} parent
 * @param {string[]} names
 * @param {Sure[][]} values
 */
export function agreement(parent, names, values) {
  const cells = names.flatMap((row, i) => names.map((column, j) => ({row, column, found: values[i][j], value: values[i][j].value})));
  const inside = element("div", {style: {"min-width": `${Math.min(900, 150 + 24 * names.length)}px`, "max-width": `${200 + 52 * names.length}px`}});
  parent.append(element("div.scroll", {}, inside));
  chart(inside, "How alike the heats of two methods are", (width) => {
    const side = (width - 160) / names.length;
    return Plot.plot({
      width,
      height: 130 + Math.max(20, Math.min(40, side)) * names.length,
      marginLeft: Math.min(150, width * 0.36),
      marginTop: 6,
      marginBottom: 120,
      x: {label: null, domain: names, tickRotate: -45},
      y: {label: null, domain: names},
      marks: [
        Plot.cell(cells, {
          x: "column",
          y: "row",
          fill: (/** @type {any} */ d) => shade(d.value ?? 0),
          inset: 0.5,
          title: (/** @type {any} */ d) => `${d.row} and ${d.column}: ${said(d.found, signed)}`,
        }),
        side > 28
          ? Plot.text(cells, {
            x: "column",
            y: "row",
            text: (/** @type {any} */ d) => (d.value === null ? "–" : signed(d.value).replace("0.", ".")),
            fill: (/** @type {any} */ d) => (Math.abs(d.value ?? 0) > 0.55 ? "var(--cell-ink-1)" : "var(--ink)"),
            fontSize: 11,
            pointerEvents: "none",
          })
          : null,
      ],
    });
  });
}

/** Below zero in another colour. @param {number} value */
const shade = (value) =>
  value >= 0 ? mixed(value) : `color-mix(in srgb, var(--bad) ${Math.round(-100 * value)}%, var(--cell-0))`;

/**
 * @param {{deletion: (number | null)[], insertion: (number | null)[]}} found
 * @param {number[]} shares
 * @returns {{way: "deletion" | "insertion", points: {share: number, value: number}[]}[]}
 */
const lines = (found, shares) =>
  /** @type {("deletion" | "insertion")[]} */ (["deletion", "insertion"]).map((way) => ({
    way,
    points: found[way].flatMap((value, step) => (value === null ? [] : [{share: shares[step], value}])),
  }));

/** @param {number} width */
const tile = (width) => ({width, height: 140, marginLeft: 32, marginRight: 26, marginTop: 8, marginBottom: 24});

/**
 * @param {Element} parent
 * @param {Method[]} methods
 * @param {(method: Method, frame: Element) => void} draw
 */
function tiles(parent, methods, draw) {
  const grid = element("div", {
    style: {display: "grid", "grid-template-columns": "repeat(auto-fill, minmax(min(100%, 190px), 1fr))", gap: "16px 14px"},
  });
  parent.append(grid);
  for (const method of methods) {
    const frame = element("div", {style: {"min-width": "0"}}, element("h3", {style: {"font-size": "14px", "margin": "0"}}, method.name));
    grid.append(frame);
    draw(method, frame);
  }
}
