// @ts-check
// Evolution: when do the units of each layer settle in training, and how do their clips change?

import {address} from "kinetoscope/address";
import {byLayer} from "kinetoscope/chapters/by_layer";
import {chart, Plot} from "kinetoscope/charts";
import {choice, element, section} from "kinetoscope/element";
import {layerNamed} from "kinetoscope/look";
import {count, counted, decimal, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/by_layer").Interval} Interval */
/** @typedef {{settled: number | null, correlation: number[] | null, strongest: number[]}} Unit  of each checkpoint */
/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {number} channels
 * @property {number} constant
 * @property {Interval} settled  epoch
 * @property {Interval} jumps
 * @property {Record<string, Interval[]>} curves
 * @property {Record<string, Interval> | null} control
 * @property {Unit[]} units
 */
/**
 * @typedef {object} Data
 * @property {{epoch: number, file: string, accuracy: Interval}[]} checkpoints
 * @property {number} settled_above
 * @property {number} top
 * @property {number} chance
 * @property {{clip: number, path: string, label: string | null}[]} clips
 * @property {import("kinetoscope/player").Track} pictures  one of each clip
 * @property {Layer[]} layers
 * @property {Interval | null} order
 * @property {{path: string, where: string, error: string}[]} failures
 */

const MEASURES = [
  {
    value: "correlation",
    text: "alike, by units",
    note: "Correlation over the clips of a unit's answers with its answers in the end. Median over units.",
  },
  {
    value: "cka",
    text: "alike, as a layer",
    note: "Linear CKA of the layer with itself in the end, unbiased: 1 is the same up to a rotation, 0 unrelated.",
  },
  {
    value: "settled",
    text: "settled",
    note: "Share of units whose correlation with the end stays above the bound from here on.",
  },
  {
    value: "overlap",
    text: "top clips",
    note: "Which share of a unit's strongest clips are those of the end. Mean over units.",
  },
  {
    value: "changed",
    text: "jumps",
    note: "Share of units whose strongest clip is another than at the checkpoint before.",
  },
  {
    value: "selectivity",
    text: "selectivity",
    note: "(best class − mean of the others) / (best class + mean of the others). Median over units.",
  },
];

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  settling(data, parent);
  curves(data, parent);
  accuracy(data, parent);
  examples(data, parent);
  if (data.failures.length)
    section(parent, "What could not be read").append(
      element("ul.plain", {}, data.failures.map(({path, where, error}) => element("li", {}, `${where}, ${path}: ${error}`))),
    );
}

/** @param {Data} data  @param {Element} parent */
function settling(data, parent) {
  const {checkpoints, layers} = data;
  const epochs = `Epochs ${checkpoints.map(({epoch}) => epoch).join(", ")}; ${counted(data.clips.length, "clip")} shown to each.`;
  const body = section(
    parent,
    "When units settle",
    null,
    `The first of the checkpoints from which on a unit's answers stay correlated above ${data.settled_above} with those in the end: median over the units of a layer, with its 95 % interval. ${epochs}`,
  );
  body.append(element("p", {}, ordered(data.order)));
  byLayer(
    body,
    layers.map((layer) => ({layer: layer.name, own: true, ...layer.settled})),
    {
      layers: layers.map(({name}) => name),
      text: "epoch",
      most: checkpoints[checkpoints.length - 1].epoch,
      shown: (value) => number(value, 3),
    },
  );
  const constant = layers.reduce((sum, layer) => sum + layer.constant, 0);
  if (constant)
    body.append(
      element("p.quiet", {}, `${counted(constant, "unit")} that answer the same to all clips in the end are left out.`),
    );
}

/** @param {Interval | null} order */
function ordered(order) {
  if (!order || order.value === null) return "";
  const told = `rank correlation ${decimal(order.value)}, from ${decimal(order.low)} to ${decimal(order.high)}`;
  if (Number(order.low) > 0) return `Units that see less of a clip settle earlier here (${told}).`;
  if (Number(order.high) < 0) return `Units that see less of a clip settle later here (${told}).`;
  return `How much of a clip a unit sees does not tell when it settles here (${told}).`;
}

/** @param {Data} data  @param {Element} parent */
function curves(data, parent) {
  const note = element("p.note");
  const grid = element("div", {
    style: {display: "grid", "grid-template-columns": "repeat(auto-fill, minmax(min(100%, 220px), 1fr))", gap: "14px 20px"},
  });
  const chosen = choice("measure", MEASURES, MEASURES[0].value, draw);
  chosen.style.flexWrap = "wrap";
  const body = section(parent, "From epoch to epoch", null, note);
  body.append(chosen, grid);
  /** @param {string} name */
  function draw(name) {
    const measure = MEASURES.find(({value}) => value === name) ?? MEASURES[0];
    const dashed = data.layers.some(({control}) => control?.[name]) ? " Dashed: the same network with random weights." : "";
    const chance = name === "overlap" ? ` By chance it would be ${percent(data.chance, 0)}.` : "";
    note.textContent = `${measure.note} The shade is the 95 % interval.${dashed}${chance}`;
    grid.replaceChildren();
    for (const layer of data.layers) {
      const part = element("div", {}, element("h3", {}, linked(layer.name)));
      grid.append(part);
      const points = data.checkpoints.map(({epoch}, i) => ({epoch, ...layer.curves[name][i]}));
      line(part, `${measure.text} of ${layer.name} by epoch`, points, layer.control?.[name]?.value ?? null);
    }
  }
  draw(MEASURES[0].value);
}

/** @param {string} name */
const linked = (name) => (layerNamed(name) ? element("a", {href: address.layer(name)}, name) : name);

/**
 * @param {Element} parent
 * @param {string} name
 * @param {({epoch: number} & Interval)[]} points
 * @param {number | null} level  a line to hold it against
 */
function line(parent, name, points, level = null) {
  const known = points.filter(({value}) => value !== null);
  const lowest = Math.min(0, ...known.map(({low, value}) => low ?? value ?? 0));
  chart(parent, name, (width) =>
    Plot.plot({
      width,
      height: 130,
      marginLeft: 34,
      marginBottom: 30,
      marginTop: 10,
      x: {label: "epoch", ticks: some(points.map(({epoch}) => epoch), width / 40), tickFormat: "d"},
      y: {label: null, domain: [lowest, 1], grid: true, ticks: 3},
      marks: [
        level === null ? null : Plot.ruleY([level], {stroke: "var(--grey)", strokeDasharray: "4 3"}),
        Plot.areaY(known.filter(({low}) => low !== null), {x: "epoch", y1: "low", y2: "high", fill: "var(--motion)", fillOpacity: 0.18}),
        Plot.lineY(known, {x: "epoch", y: "value", stroke: "var(--motion)", strokeWidth: 2}),
        Plot.dot(known, {
          x: "epoch",
          y: "value",
          fill: "var(--motion)",
          r: 2.5,
          title: (/** @type {any} */ each) => `epoch ${each.epoch}: ${decimal(each.value)} (${decimal(each.low)} to ${decimal(each.high)})`,
        }),
      ],
    }),
  );
}

/** No more of these than there is room for, the last among them. @param {number[]} epochs  @param {number} room */
function some(epochs, room) {
  const step = Math.max(1, Math.ceil(epochs.length / room));
  return epochs.filter((_, i) => (epochs.length - 1 - i) % step === 0);
}

/** @param {Data} data  @param {Element} parent */
function accuracy(data, parent) {
  const body = section(parent, "Accuracy", null, "Of these clips, how many are recognized at each checkpoint.");
  const frame = element("div", {style: {"max-width": "420px"}});
  body.append(frame);
  line(frame, "Accuracy by epoch", data.checkpoints.map(({epoch, accuracy: share}) => ({epoch, ...share})));
}

/** A few units of each layer, from the first that settles to the last. @param {Data} data  @param {Element} parent */
function examples(data, parent) {
  const body = section(
    parent,
    "Jumps",
    null,
    "A row a unit: the clip that excites it most at each checkpoint, by a frame of it. A jump is a change from one to the next. Of each layer the unit that settles first, one in the middle, and the last.",
  );
  for (const layer of data.layers) {
    const order = layer.units
      .map((unit, channel) => ({...unit, channel}))
      .filter(({settled}) => settled !== null)
      .sort((a, b) => Number(a.settled) - Number(b.settled));
    if (!order.length) continue;
    const picked = [...new Set([0, order.length >> 1, order.length - 1])].map((place) => order[place]);
    body.append(
      element(
        "h3",
        {},
        linked(layer.name),
        element("span.quiet", {}, ` ${decimal(layer.jumps.value, 1)} jumps a unit`),
      ),
      element("div.scroll", {}, picked.map((unit) => row(data, `${layer.name}:${unit.channel}`, unit))),
    );
  }
}

/**
 * The strongest clip at each checkpoint.
 * @param {Data} data
 * @param {string | null} name  of the unit, where it is not known from elsewhere
 * @param {Unit} unit
 */
function row(data, name, unit) {
  return element(
    "div",
    {style: {display: "flex", gap: "4px", "align-items": "flex-end", "margin-bottom": "8px"}},
    name && element("a.unit", {href: address.unit(name), style: {width: "12em", flex: "none", "font-size": "12px", "white-space": "nowrap"}}, name),
    unit.strongest.map((place, i) =>
      element(
        "a",
        {
          href: address.clip(data.clips[place].clip),
          title: `epoch ${data.checkpoints[i].epoch}: ${data.clips[place].label ?? ""} ${data.clips[place].path}`,
          style: {"text-decoration": "none", color: "var(--ink-2)", "font-size": "11px", "text-align": "center", flex: "none"},
        },
        picture(data.pictures, place, i > 0 && unit.strongest[i - 1] !== place),
        String(data.checkpoints[i].epoch),
      ),
    ),
  );
}

/**
 * @param {import("kinetoscope/player").Track} strip
 * @param {number} place
 * @param {boolean} jumped
 */
function picture({src, count: many, columns, width, height}, place, jumped) {
  const rows = Math.ceil(many / columns);
  const at = (/** @type {number} */ i, /** @type {number} */ of) => (of > 1 ? (100 * i) / (of - 1) : 0);
  return element("div", {
    style: {
      width: "52px",
      "aspect-ratio": `${width} / ${height}`,
      "border-radius": "4px",
      outline: jumped ? "2px solid var(--accent)" : "none",
      "background-image": `url("${src}")`,
      "background-size": `${100 * columns}% ${100 * rows}%`,
      "background-position": `${at(place % columns, columns)}% ${at(Math.floor(place / columns), rows)}%`,
    },
  });
}

/**
 * @param {{first: {name: string, settled: Interval} | null, last: {name: string, settled: Interval} | null, order: Interval | null, epochs: number}} told
 * @param {Element} card
 */
export function summary({first, last, order, epochs}, card) {
  if (!first || !last) return;
  card.append(
    element(
      "p",
      {},
      `Of ${counted(epochs, "epoch")}, the middle unit of ${first.name} settles by epoch ${number(first.settled.value)}, that of ${last.name} by epoch ${number(last.settled.value)}. ${ordered(order)}`,
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
  const found = data.layers.find((layer) => layer.name === name.slice(0, colon))?.units[Number(name.slice(colon + 1))];
  if (!found) return;
  const jumps = found.strongest.filter((place, i) => i > 0 && place !== found.strongest[i - 1]).length;
  const settled =
    found.settled === null
      ? "It answers the same to all clips in the end."
      : `It settles by epoch ${count(found.settled)}.`;
  const body = section(
    parent,
    "How it came to be in training",
    null,
    `The clip that excites it most at each checkpoint; where it is another than before, it is outlined. ${settled} ${counted(jumps, "jump")}.`,
  );
  body.append(element("div.scroll", {style: {padding: "3px"}}, row(data, null, found)));
  if (!found.correlation) return;
  const frame = element("div", {style: {"max-width": "420px"}}, element("p.note", {}, "Correlation of its answers with those in the end"));
  body.append(frame);
  const points = data.checkpoints.map(({epoch}, i) => ({epoch, value: Number(found.correlation?.[i]) / 100, low: null, high: null}));
  line(frame, `Correlation of ${name} with its end`, points, data.settled_above);
}
