// @ts-check
// Health: which units say nothing, which say the same, and what do the first ones look for?

import {address} from "kinetoscope/address";
import {intervals, layerLink, signed} from "kinetoscope/chapters/sure";
import {chart, Plot} from "kinetoscope/charts";
import {choice, element, section} from "kinetoscope/element";
import {layerNamed} from "kinetoscope/look";
import {filmstrip, player} from "kinetoscope/player";
import {count, counted, decimal, listed, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/** @typedef {import("kinetoscope/player").Track} Track */
/** @typedef {{channels: number[], correlation: number[], low: number[]}} Group */
/** @typedef {{dead_share: number, in_clips: Sure, nearest: Sure, alike: number, channels: number}} Figures */
/**
 * @typedef {object} Layer
 * @property {string} layer
 * @property {number} channels
 * @property {number} clips
 * @property {number[]} dead
 * @property {number} missed  the share of clips that may excite a dead unit all the same
 * @property {Sure | null} in_places
 * @property {Sure} in_clips
 * @property {Group[]} groups
 * @property {number} alike
 * @property {Sure} nearest
 * @property {{nearest: Sure, alike: number}} by_chance
 * @property {{network: Figures, control: Figures} | null} sampled
 * @property {{in_places: (number | null)[], in_clips: (number | null)[], correlation: (number | null)[], nearest: (number | null)[]}} of_units
 */
/** @typedef {{layer: string, stream: "frames" | "flow", shape: number[], units: string | null, change: (number | null)[], colour: (number | null)[], strips: Track[]}} Filters */
/** @typedef {{layers: Layer[], threshold: number, control: string | null, sample: number, filters: Filters[]}} Data */

const MOST_LINKS = 200;
const NETWORK = {name: "this network", colour: "var(--motion)"};
const CHANCE = {name: "clips shuffled", colour: "var(--ink-3)", hollow: true};
const RANDOM = {name: "random weights", colour: "var(--grey)"};

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  layers(data, parent);
  sparse(data, parent);
  dead(data, parent);
  twice(data, parent);
  for (const each of data.filters) filters(each, parent);
}

/** @param {Data} data  @param {Element} parent */
function layers({layers: rows, threshold, control}, parent) {
  const body = section(
    parent,
    "Layer by layer",
    null,
    "Dead units answer to no clip. Places and clips: in which share of them the median live unit answers at all. " +
      `Twice: units that are like an earlier one of their layer (correlation of ${threshold} or more); in brackets with the clips of every unit shuffled${control ? ", and with random weights" : ""}.`,
  );
  const head = ["layer", "units", "dead", "places", "clips", "twice"];
  body.append(
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, head.map((text, i) => element(i ? "th.number" : "th", {}, text)))),
        element("tbody", {}, rows.map((row) => layerRow(row))),
      ),
    ),
  );
}

/** @param {Layer} row */
function layerRow(row) {
  const href = layerLink(row.layer);
  const untrained = row.sampled ? `, ${count(row.sampled.control.alike)}` : "";
  const cells = [
    count(row.channels),
    count(row.dead.length),
    percent(row.in_places?.value, 0),
    percent(row.in_clips.value, 0),
    `${count(row.alike)} (${count(row.by_chance.alike)}${untrained})`,
  ];
  return element(
    "tr",
    {},
    element("td", {}, href ? element("a", {href}, row.layer) : row.layer),
    cells.map((text) => element("td.number", {}, text)),
  );
}

/** @type {{value: "in_places" | "in_clips" | "nearest", text: string, label: string, note: string}[]} */
const MEASURES = [
  {
    value: "in_places",
    text: "places",
    label: "share of places where the median unit answers",
    note: "Of all places of all clips, those where a unit answers at all: the median over the live units, and below every unit.",
  },
  {
    value: "in_clips",
    text: "clips",
    label: "share of clips that the median unit answers to",
    note: "Of all clips, those with an answer anywhere: the median over the live units, and below every unit.",
  },
  {
    value: "nearest",
    text: "likeness",
    label: "correlation of the median unit with its nearest",
    note: "How alike a unit is to the one of its layer that is most like it: the smaller of the correlations, over clips, of largest and of mean answers. Correlation cannot tell units that look for the same in different places from units that are the same, nor does it find opposites and sums.",
  },
];

/** @param {Data} data  @param {Element} parent */
function sparse(data, parent) {
  const measures = MEASURES.filter(({value}) => data.layers.some((layer) => layer[value]));
  const plot = element("div");
  const note = element("p.note");
  const body = section(parent, "How sparse, how alike", choice("measure", measures, measures[0].value, draw), note);
  body.append(plot);
  draw(measures[0].value);

  /** @param {"in_places" | "in_clips" | "nearest"} value */
  function draw(value) {
    const measure = MEASURES.find((each) => each.value === value) ?? MEASURES[0];
    note.textContent = measure.note;
    plot.replaceChildren();
    const series = [NETWORK];
    if (value === "nearest") series.push(CHANCE);
    if (value !== "in_places" && data.control) series.push(RANDOM);
    const rows = data.layers.flatMap((layer) =>
      series.map(({name}) => ({row: layer.layer, series: name, found: foundOf(layer, value, name), href: layerLink(layer.layer)})),
    );
    intervals(plot, rows, {
      name: `${measure.label}, by layer`,
      label: measure.label,
      series,
      shown: (each) => signed(each),
      domain: value === "nearest" ? undefined : [0, 1],
    });
    everyUnit(data, value, measure.label.replace(" the median unit", " each unit"), plot);
  }
}

/** @param {Layer} layer  @param {"in_places" | "in_clips" | "nearest"} value  @param {string} series */
function foundOf(layer, value, series) {
  if (series === CHANCE.name) return layer.by_chance.nearest;
  if (series === RANDOM.name) return value === "in_places" ? null : (layer.sampled?.control[value] ?? null);
  return layer[value];
}

/**
 * A stroke for each unit.
 * @param {Data} data
 * @param {"in_places" | "in_clips" | "nearest"} value
 * @param {string} label
 * @param {Element} parent
 */
function everyUnit(data, value, label, parent) {
  const strokes = data.layers.flatMap((layer) =>
    layer.of_units[value === "nearest" ? "correlation" : value].map((x, channel) => ({x, row: layer.layer, unit: `${layer.layer}:${channel}`})),
  );
  chart(parent, `${label}, by layer`, (width) =>
    Plot.plot({
      width,
      height: 50 + 24 * data.layers.length,
      marginLeft: Math.min(170, width * 0.36),
      marginRight: 22,
      x: {label, domain: value === "nearest" ? undefined : [0, 1], grid: true, ticks: Math.max(3, width / 110)},
      y: {label: null, domain: data.layers.map(({layer}) => layer), tickFormat: (/** @type {string} */ d) => (d.length > 20 ? `…${d.slice(-19)}` : d)},
      marks: [
        Plot.tickX(strokes.filter(({x}) => x !== null), {
          x: "x",
          y: "row",
          stroke: "var(--motion)",
          strokeOpacity: 0.45,
          title: (/** @type {any} */ d) => `${d.unit}: ${decimal(d.x)}`,
          href: (/** @type {any} */ d) => (layerNamed(d.row) ? address.unit(d.unit) : undefined),
        }),
      ],
    }),
  );
}

/** @param {Data} data  @param {Element} parent */
function dead({layers: rows}, parent) {
  const units = rows.flatMap((layer) => layer.dead.map((channel) => `${layer.layer}:${channel}`));
  const clips = Math.max(0, ...rows.map((layer) => layer.clips));
  const missed = Math.max(0, ...rows.map((layer) => layer.missed));
  const body = section(
    parent,
    "Dead units",
    count(units.length),
    `None of ${counted(clips, "clip")} excites them; at most ${percent(missed, 1)} of all clips like these may do so (95 % sure).`,
  );
  if (!units.length) body.append(element("p", {}, "Every unit answers to some clip."));
  else body.append(links(units));
}

/** @param {string[]} units */
function links(units) {
  const shown = units.slice(0, MOST_LINKS).map((unit) => unitLink(unit));
  const rest = units.length - shown.length;
  return element("p", {style: {"line-height": "1.9"}}, shown.flatMap((link) => [link, " "]), rest > 0 && `and ${counted(rest, "unit")} more, in units.csv`);
}

/** @param {string} unit  @param {string} [text] */
function unitLink(unit, text = unit) {
  const layer = unit.slice(0, unit.lastIndexOf(":"));
  return layerNamed(layer)
    ? element("a.unit", {href: address.unit(unit), style: {"white-space": "nowrap"}}, text)
    : element("span.unit", {}, text);
}

/** @param {Data} data  @param {Element} parent */
function twice({layers: rows, threshold}, parent) {
  const groups = rows.flatMap((layer) => layer.groups.map((group) => ({layer, group})));
  const body = section(
    parent,
    "Units that say the same",
    count(rows.reduce((sum, layer) => sum + layer.alike, 0)),
    `Whose answers rise and fall together over the clips, also where one is the other scaled: r of ${threshold} or more with the first of the group, with the lower end of its 95 % interval.`,
  );
  if (!groups.length) {
    const nearest = rows
      .flatMap((layer) => layer.of_units.correlation.map((r, channel) => ({r, layer: layer.layer, channel, other: layer.of_units.nearest[channel]})))
      .filter(({r, channel, other}) => r !== null && other !== null && channel < other)
      .sort((a, b) => (b.r ?? 0) - (a.r ?? 0))
      .slice(0, 5);
    body.append(
      element("p", {}, "No two units of a layer say the same. The most alike are"),
      element("ul.plain", {}, nearest.map(({r, layer, channel, other}) => element("li", {}, unitLink(`${layer}:${channel}`), " and ", unitLink(`${layer}:${other}`), element("span.quiet", {}, ` r = ${decimal(r, 3)}`)))),
    );
    return;
  }
  body.append(
    element(
      "ul.plain",
      {},
      groups.slice(0, MOST_LINKS).map(({layer, group}) =>
        element(
          "li",
          {style: {"line-height": "1.9"}},
          group.channels.slice(0, 24).flatMap((channel) => [unitLink(`${layer.layer}:${channel}`), " "]),
          group.channels.length > 24 && `and ${count(group.channels.length - 24)} more `,
          element("span.quiet", {}, `r ≥ ${decimal(Math.min(...group.correlation), 3)} (above ${decimal(Math.min(...group.low), 3)})`),
        ),
      ),
    ),
  );
}

/** @param {Filters} found  @param {Element} parent */
function filters(found, parent) {
  const [many, , time, height, width] = found.shape;
  const motion = found.stream === "flow";
  const body = section(
    parent,
    motion ? "First filters, of motion" : "First filters, of appearance",
    found.layer,
    `${counted(many, "filter")} of ${counted(time, "frame")} and ${height} × ${width} pixels${time > 1 ? ", side by side in time" : ""}. ` +
      (motion
        ? "The hue is the direction of motion that it likes at that pixel, white is none. "
        : "Grey is nothing; each at a scale of its own. ") +
      (time > 1 ? "In percent, the share of its weights' energy that is not the same in all frames." : "In percent, the share that is not grey."),
  );
  const shares = time > 1 ? found.change : found.colour;
  body.append(
    element(
      "div.unit-grid",
      {style: {"grid-template-columns": `repeat(auto-fill, minmax(${Math.min(240, 60 + 40 * Math.min(time, 5))}px, 1fr))`}},
      found.strips.map((track, number) => {
        const figure = element("figure", {style: {margin: 0}});
        const name = `filter ${number} of ${found.layer}`;
        if (time > 1) filmstrip(figure, track, {name, crisp: true});
        else player(figure, track, {name, crisp: true});
        const unit = found.units === null ? null : `${found.units}:${number}`;
        figure.append(
          element(
            "figcaption",
            {},
            unit ? unitLink(unit, String(number)) : String(number),
            (time > 1 || !motion) && element("span.quiet", {}, ` ${percent(shares[number], 0)}`),
          ),
        );
        return figure;
      }),
    ),
  );
}

/**
 * @param {{units: number, dead: number, most_dead: string | null, alike: number, by_chance: number, clips: number}} told
 * @param {Element} card
 */
export function summary({units, dead: silent, most_dead: where, alike, by_chance: chance, clips}, card) {
  card.append(
    element(
      "p",
      {},
      silent
        ? `${count(silent)} of ${counted(units, "unit")} answer to none of ${counted(clips, "clip")}, most of them in ${where}.`
        : `Every one of ${counted(units, "unit")} answers to some of ${counted(clips, "clip")}.`,
    ),
    element(
      "p",
      {},
      alike
        ? `${count(alike)} say the same as an earlier one of their layer; with shuffled clips ${count(chance)} would.`
        : "No two of a layer say the same.",
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
  const channel = Number(name.slice(colon + 1));
  const layer = data.layers.find((each) => each.layer === name.slice(0, colon));
  if (!layer) return;
  const {in_places: places, in_clips: clips, correlation, nearest} = layer.of_units;
  const group = layer.groups.find((each) => each.channels.includes(channel));
  const other = nearest[channel];
  const body = section(parent, "How sparse, how like others");
  const answers = [
    places[channel] === null || places[channel] === undefined ? null : `in ${percent(places[channel], 1)} of all places (the median unit of its layer in ${percent(layer.in_places?.value, 0)})`,
    `to ${percent(clips[channel], 0)} of the clips`,
  ].filter((each) => each !== null);
  body.append(element("p", {}, layer.dead.includes(channel) ? "It answers to no clip." : `It answers ${listed(/** @type {string[]} */ (answers))}.`));
  if (other !== null && other !== undefined) {
    body.append(
      element("p", {}, "Of its layer it is most like ", unitLink(`${layer.layer}:${other}`), ` (r = ${decimal(correlation[channel])}); by chance the median unit reaches ${decimal(layer.by_chance.nearest.value)}.`),
    );
  }
  if (group) {
    const same = group.channels.filter((each) => each !== channel).slice(0, 24);
    body.append(element("p", {}, "It says the same as ", same.flatMap((each, i) => [i ? ", " : "", unitLink(`${layer.layer}:${each}`)]), "."));
  }
  const own = data.filters.find((each) => each.units === layer.layer);
  if (own?.strips[channel]) {
    const figure = element("figure", {style: {margin: "8px 0 0", "max-width": `${Math.min(480, 90 * own.shape[2])}px`}}, element("figcaption", {}, "Its filter"));
    (own.shape[2] > 1 ? filmstrip : player)(figure, own.strips[channel], {name: `The filter of ${name}`, crisp: true});
    body.append(figure);
  }
}
