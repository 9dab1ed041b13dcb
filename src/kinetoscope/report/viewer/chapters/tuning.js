// @ts-check
// Tuning: what direction, speed, fineness and size of moving patterns is each unit tuned to?

import {address} from "kinetoscope/address";
import {byLayer, ownAndRandom} from "kinetoscope/chapters/by_layer";
import {chart, Plot} from "kinetoscope/charts";
import {rose, turn} from "kinetoscope/chapters/tuning_polar";
import {choice, element, section} from "kinetoscope/element";
import {layerNamed} from "kinetoscope/look";
import {count, counted, decimal, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/by_layer").Interval} Interval */
/**
 * @typedef {object} Group  the units of a layer, of the network or of its control
 * @property {number} units
 * @property {number} silent
 * @property {Record<string, Interval>} medians
 * @property {Record<string, Interval>} shares
 */
/**
 * @typedef {object} Curves  in hundredths of the largest answer
 * @property {number[]} direction
 * @property {number[]} spread
 * @property {(number | null)[]} speed
 * @property {(number | null)[][]} map  a row a wavelength or size
 */
/** @typedef {{verdict: string, curves: Curves} & Record<string, any>} UnitTuning */
/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {Record<string, {network: Group, control: Group | null, directions: number[], selectivity: number[], control_selectivity: number[] | null}>} kinds
 * @property {{units: number, within_45: Interval}} agreement
 * @property {Record<string, Record<string, UnitTuning>>} units
 */
/**
 * @typedef {object} Data
 * @property {{angles: number[], speeds: number[], wavelengths: number[], sizes: number[], repetitions: number}} grid
 * @property {number} clips
 * @property {number} conditions
 * @property {string} reads
 * @property {boolean} control
 * @property {Layer[]} layers
 */

const KINDS = [
  {value: "gratings", text: "gratings", title: "stripes that drift over all of the clip"},
  {value: "dots", text: "dots", title: "random dots that all drift alike"},
  {value: "discs", text: "discs", title: "a textured disc that passes through the middle"},
];

/** @type {{value: string, text: string, note: string, of: (group: Group) => Interval, shown: (value: number | null) => string, most?: number}[]} */
const MEASURES = [
  {
    value: "direction",
    text: "selective for direction",
    note: "Of the units that answer at all, those that answer at least twice as much to one direction as to the opposite one, by more than chance.",
    of: (group) => group.shares.direction,
    shown: (value) => percent(value, 0),
    most: 1,
  },
  {
    value: "direction_selectivity",
    text: "direction index",
    note: "(preferred − opposite) / (preferred + opposite): 0 ignores the way of motion, 1 is silent for the opposite one. Median over units.",
    of: (group) => group.medians.direction_selectivity,
    shown: (value) => decimal(value),
    most: 1,
  },
  {
    value: "orientation_selectivity",
    text: "orientation index",
    note: "(along one axis − along the one across) / (sum of both). Median over units.",
    of: (group) => group.medians.orientation_selectivity,
    shown: (value) => decimal(value),
    most: 1,
  },
  {
    value: "motion_index",
    text: "motion index",
    note: "(moving − standing still) / (sum of both), of what it likes best: 0 likes a still picture as well, 1 answers to motion alone. Median over units.",
    of: (group) => group.medians.motion_index,
    shown: (value) => decimal(value),
    most: 1,
  },
  {
    value: "direction_half_width",
    text: "width [°]",
    note: "From the preferred direction to where the answer has fallen to half. Median over units whose answer falls so far.",
    of: (group) => group.medians.direction_half_width,
    shown: (value) => (value === null ? "–" : `${value.toFixed(0)}°`),
  },
  {
    value: "speed",
    text: "preferred speed",
    note: "Pixels per frame. Median over units.",
    of: (group) => group.medians.speed,
    shown: (value) => number(value, 2),
  },
];

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  const shown = element("div");
  let kind = "gratings";
  parent.append(
    element(
      "div.tools",
      {style: {"margin-top": "18px"}},
      choice("what is shown", KINDS, kind, (value) => {
        kind = value;
        draw();
      }),
      element("span", {}, told(data)),
    ),
    shown,
  );
  function draw() {
    shown.replaceChildren();
    layers(data, kind, shown);
    eachLayer(data, kind, shown);
  }
  draw();
  agreements(data, parent);
}

/** @param {Data} data */
const told = ({conditions, clips, grid, reads}) =>
  `${counted(conditions, "condition")} in ${counted(clips, "clip")}, ${counted(grid.repetitions, "repetition")} each; answers are the ${reads === "mean" ? "mean over" : "largest of"} all positions.`;

/**
 * One measure, layer by layer, beside the control.
 * @param {Data} data
 * @param {string} kind
 * @param {Element} parent
 */
function layers(data, kind, parent) {
  const plot = element("div");
  const note = element("p.note");
  const chosen = choice("measure", MEASURES, MEASURES[0].value, draw);
  chosen.style.flexWrap = "wrap";
  const body = section(parent, "Layer by layer", null, note);
  body.append(chosen, plot);
  if (data.control) ownAndRandom(body);
  /** @param {string} name */
  function draw(name) {
    const measure = MEASURES.find(({value}) => value === name) ?? MEASURES[0];
    note.textContent = measure.note;
    plot.replaceChildren();
    const rows = data.layers.flatMap((layer) =>
      [layer.kinds[kind].control, layer.kinds[kind].network].flatMap((group, own) => {
        return group ? [{layer: layer.name, own: own === 1, ...measure.of(group)}] : [];
      }),
    );
    byLayer(plot, rows, {...measure, layers: data.layers.map((layer) => layer.name)});
  }
  draw(MEASURES[0].value);
}

/**
 * For each layer which directions are preferred, how selective units are, and the most selective.
 * @param {Data} data
 * @param {string} kind
 * @param {Element} parent
 */
function eachLayer(data, kind, parent) {
  const body = section(
    parent,
    "Directions and selectivity",
    null,
    "Left: how many of the units that are selective for direction prefer each. Middle: the direction index of all units that answer, with that of random weights as a line. Right: the most selective units, and what they answer in each direction.",
  );
  for (const layer of data.layers) {
    const {network, directions, selectivity, control_selectivity: control} = layer.kinds[kind];
    const line = element("div.tuning-layer", {style: {"border-top": "1px solid var(--line)", padding: "14px 0"}});
    const name = layerNamed(layer.name)
      ? element("a", {href: address.layer(layer.name)}, layer.name)
      : layer.name;
    line.append(
      element(
        "h3",
        {},
        name,
        element("span.quiet", {}, ` ${counted(network.units, "unit")}, ${count(network.silent)} silent`),
      ),
    );
    const parts = element("div", {style: {display: "flex", "flex-wrap": "wrap", gap: "10px 28px", "align-items": "center"}});
    parts.append(rose(directions, 96));
    const bars = element("div", {style: {flex: "1 1 220px", "max-width": "340px"}});
    parts.append(bars, keenest(layer, kind, data));
    line.append(parts);
    body.append(line);
    histogram(bars, layer.name, selectivity, control);
  }
}

/**
 * @param {Element} parent
 * @param {string} layer
 * @param {number[]} own
 * @param {number[] | null} control
 */
function histogram(parent, layer, own, control) {
  const boxes = (/** @type {number[]} */ counts) => counts.map((many, i) => ({many, from: i / 10, to: (i + 1) / 10}));
  chart(parent, `Direction index of the units of ${layer}`, (width) =>
    Plot.plot({
      width,
      height: 110,
      marginLeft: 34,
      marginBottom: 30,
      marginTop: 10,
      x: {label: "direction index", domain: [0, 1], ticks: 5},
      y: {label: null, ticks: 3, grid: true, tickFormat: "~d"},
      marks: [
        Plot.rectY(boxes(own), {x1: "from", x2: "to", y: "many", fill: "var(--motion)", fillOpacity: 0.65, insetLeft: 0.5, insetRight: 0.5}),
        control &&
          Plot.lineY(boxes(control), {x: (/** @type {any} */ d) => (d.from + d.to) / 2, y: "many", stroke: "var(--grey)", strokeWidth: 2, curve: "step"}),
        Plot.ruleY([0]),
      ],
    }),
  );
}

/**
 * @param {Layer} layer
 * @param {string} kind
 * @param {Data} data
 */
function keenest(layer, kind, data) {
  const units = Object.entries(layer.units)
    .map(([channel, kinds]) => ({unit: `${layer.name}:${channel}`, ...kinds[kind]}))
    .filter(({verdict}) => verdict === "direction")
    .sort((a, b) => b.direction_strength - a.direction_strength)
    .slice(0, 6);
  return element(
    "div",
    {style: {display: "flex", "flex-wrap": "wrap", gap: "6px 10px"}},
    units.map(({unit, curves}) =>
      element("a", {href: address.unit(unit), title: unit}, turn(curves.direction, data.grid.angles, {size: 62, name: `Directions of ${unit}`})),
    ),
  );
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function agreements(data, parent) {
  const known = data.layers.filter(({agreement}) => agreement.units > 0);
  if (!known.length) return;
  section(
    parent,
    "Do gratings and dots agree?",
    null,
    "Of the units that both call selective for direction, those whose two preferred directions lie within 45° of each other; by chance it would be a quarter.",
  ).append(
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ["layer", "units", "agree", "95 % interval"].map((text) => element("th", {}, text)))),
        element(
          "tbody",
          {},
          known.map(({name, agreement: {units, within_45: share}}) =>
            element(
              "tr",
              {},
              element("td", {}, name),
              element("td", {}, count(units)),
              element("td", {}, percent(share.value, 0)),
              element("td", {}, `${percent(share.low, 0)} to ${percent(share.high, 0)}`),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {{best: {name: string, share: Interval, control: Interval | null} | null, layers: number, clips: number}} told
 * @param {Element} card
 */
export function summary({best, clips}, card) {
  if (!best) {
    card.append(element("p", {}, `No unit answers to any of ${counted(clips, "moving pattern")}.`));
    return;
  }
  const beside = best.control ? `; with random weights ${percent(best.control.value, 0)}` : "";
  card.append(
    element(
      "p",
      {},
      `Most units that are selective for the direction of a grating are in ${best.name}: ${percent(best.share.value, 0)} of it (${percent(best.share.low, 0)} to ${percent(best.share.high, 0)})${beside}.`,
    ),
  );
}

/**
 * @param {Data} data
 * @param {string} name
 * @param {Element} parent
 */
export function unit(data, name, parent) {
  const colon = name.lastIndexOf(":");
  const kinds = data.layers.find((layer) => layer.name === name.slice(0, colon))?.units[name.slice(colon + 1)];
  if (!kinds) return;
  const shown = element("div");
  const first = KINDS.map(({value}) => value).reduce((a, b) => (kinds[b].peak > kinds[a].peak ? b : a));
  const body = section(
    parent,
    "What motion it is tuned to",
    choice("what is shown", KINDS, first, draw),
    "Answers above that to a grey blank, to patterns that move. The outer ring is the largest one; the shade is its spread over repetitions.",
  );
  body.append(shown);
  /** @param {string} kind */
  function draw(kind) {
    shown.replaceChildren(element("p", {}, verdict(kinds[kind])));
    if (kinds[kind].verdict !== "silent") curves(data, kind, name, kinds[kind], shown);
  }
  draw(first);
}

/** @param {UnitTuning} found */
function verdict(found) {
  if (found.verdict === "silent") return "None of these excites it more than the blank does.";
  const speed = `${number(found.speed, 2)} pixels per frame`;
  const fine = found.wavelength ? ` and a wavelength of ${number(found.wavelength, 2)} pixels` : "";
  const width = found.direction_half_width ? `, half as much ${found.direction_half_width.toFixed(0)}° away` : "";
  const still = `Motion index ${decimal(found.motion_index)}.`;
  if (found.verdict === "direction")
    return `Selective for direction: it prefers ${found.direction.toFixed(0)}°${width}, at ${speed}${fine}. Direction index ${decimal(found.direction_selectivity)}. ${still}`;
  if (found.verdict === "orientation")
    return `Selective for orientation, not for the way of motion: it prefers motion along ${(found.direction % 180).toFixed(0)}°, at ${speed}${fine}. Direction index ${decimal(found.direction_selectivity)}, orientation index ${decimal(found.orientation_selectivity)}. ${still}`;
  const chance = found.q_direction >= 0.05 ? `, no more than chance (q = ${number(found.q_direction, 2)})` : "";
  return `Selective neither for direction nor for orientation: direction index ${decimal(found.direction_selectivity)}${chance}, orientation index ${decimal(found.orientation_selectivity)}; 0.33 would be twice as much. It answers most at ${speed}${fine}. ${still}`;
}

/**
 * @param {Data} data
 * @param {string} kind
 * @param {string} name
 * @param {UnitTuning} found
 * @param {Element} parent
 */
function curves(data, kind, name, found, parent) {
  const {speeds, angles, wavelengths, sizes} = data.grid;
  const parts = element("div", {style: {display: "flex", "flex-wrap": "wrap", gap: "14px 32px", "align-items": "flex-start"}});
  parent.append(parts);
  const titled = (/** @type {string} */ title, /** @type {string} */ basis) => {
    const part = element("div", {style: {flex: basis}}, element("h3", {}, title));
    parts.append(part);
    return part;
  };
  titled("Direction", "0 0 200px").append(
    turn(found.curves.direction, angles, {size: 190, spread: found.curves.spread, name: `Directions of ${name}`, words: true}),
  );
  const points = speeds.map((speed, i) => ({speed, answer: found.curves.speed[i]})).filter(({answer}) => answer !== null);
  chart(titled("Speed", "1 1 200px"), `Speeds of ${name}`, (width) =>
    Plot.plot({
      width: Math.min(width, 320),
      height: 190,
      marginLeft: 40,
      x: {type: "log", base: 2, label: "pixels per frame", ticks: speeds, tickFormat: "~g"},
      y: {label: "% of largest", domain: [0, 100], grid: true, ticks: 4},
      marks: [
        Plot.lineY(points, {x: "speed", y: "answer", stroke: "var(--motion)", strokeWidth: 2}),
        Plot.dot(points, {x: "speed", y: "answer", fill: "var(--motion)", r: 3.5}),
      ],
    }),
  );
  const rows = kind === "gratings" ? wavelengths : sizes;
  if (kind === "dots" || rows.length < 2) return;
  const cells = rows.flatMap((row, j) => speeds.map((speed, i) => ({row, speed, answer: found.curves.map[j][i]})));
  const title = kind === "gratings" ? "Speed and wavelength" : "Speed and size";
  chart(titled(title, "1 1 220px"), `${title} of ${name}`, (width) =>
    Plot.plot({
      width: Math.min(width, 320),
      height: 60 + 34 * rows.length,
      marginLeft: 44,
      x: {type: "band", label: "pixels per frame", tickFormat: "~g"},
      y: {type: "band", label: kind === "gratings" ? "pixels per wave" : "of the clip's side", tickFormat: "~g"},
      color: {type: "linear", domain: [0, 100], range: ["var(--cell-0)", "var(--cell-1)"], interpolate: mixed},
      marks: [
        Plot.cell(cells.filter(({answer}) => answer !== null), {x: "speed", y: "row", fill: "answer", inset: 1}),
        Plot.text(cells, {
          x: "speed",
          y: "row",
          text: (/** @type {any} */ cell) => (cell.answer === null ? "" : String(cell.answer)),
          fill: (/** @type {any} */ cell) => (cell.answer > 55 ? "var(--cell-ink-1)" : "var(--ink)"),
        }),
      ],
    }),
  );
}

/** Between two colours that a style sheet names. @param {string} low  @param {string} high */
const mixed = (low, high) => (/** @type {number} */ share) => `color-mix(in oklab, ${high} ${100 * share}%, ${low})`;
