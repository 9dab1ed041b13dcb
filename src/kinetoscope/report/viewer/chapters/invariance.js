// @ts-check
// Invariance: which changes of a clip does the network not mind, and does that grow with depth?

import {address, parts} from "kinetoscope/address";
import {curve, layerRows, legend, lossMap, lossTimes, OTHER, OWN, tiles} from "kinetoscope/chapters/invariance_charts";
import {choice, element, section} from "kinetoscope/element";
import {layerNamed} from "kinetoscope/look";
import {count, counted, decimal, listed, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/invariance_charts").Interval} Interval */
/** @typedef {import("kinetoscope/chapters/invariance_charts").Axis} Axis */
/** @typedef {import("kinetoscope/chapters/invariance_charts").Row} Row */
/** @typedef {"trained" | "control"} Which */
/** @typedef {{trained: Interval, control: Interval, difference: Interval, verdict: "grows" | "falls" | "neither", against: "more" | "less" | "alike"}} Trend */
/**
 * @typedef {object} Change
 * @property {string} name
 * @property {number[]} values
 * @property {number[]} steps  the values, counted from no change, in `unit`
 * @property {number} unchanged
 * @property {string} unit  of half-widths; empty where there is none
 * @property {boolean} octaves
 * @property {number[]} filled  the share of clips that had to be filled up
 * @property {boolean[]} counting  which values count for half-widths
 * @property {Record<Which, Interval[]>} predicted  the share of clips that keep their label
 * @property {Trend | null} trend
 */
/** @typedef {{kept: Interval[], distance: Interval[], correlation: Interval[], width: Interval | null, at_least: number | null}} Left */
/** @typedef {{space: Interval, time: Interval, seen: Interval | null, field: Interval | null}} Hidden */
/**
 * @typedef {object} Layer
 * @property {string} layer
 * @property {number} depth
 * @property {number} units
 * @property {Record<Which, number>} excited
 * @property {Record<string, Record<Which, Left>>} changes
 * @property {Record<Which, Record<string, Hidden>>} occlusion
 * @property {Record<Which, Record<string, Interval>>} correspondence
 */
/**
 * @typedef {object} OfUnit  in hundredths of the answer to clips as they are
 * @property {Record<string, (number | null)[]>} curves
 * @property {Record<string, {width: number | null, at_least: boolean}>} widths
 * @property {number | null} clip  place in the sample
 * @property {(number | null)[]} space
 * @property {(number | null)[]} time
 */
/**
 * @typedef {object} Data
 * @property {number} clips
 * @property {number[]} videos
 * @property {number} failures
 * @property {Change[]} changes
 * @property {Layer[]} layers
 * @property {{clips: number, grid: [number, number, number], parts: Record<string, number>}} hidden
 * @property {Record<string, Record<string, OfUnit>>} units
 */

/** @type {Which[]} */
const BOTH = ["trained", "control"];
const ANYWHERE = "anywhere";
const PART_COLOURS = ["var(--motion)", "var(--appearance)", "var(--both)"];
const LEGEND = legend.bind(null, [
  [OWN, "this network"],
  [OTHER, "the same with random weights"],
]);

/** @type {{value: "kept" | "distance" | "correlation", text: string, note: string, most: number, least?: number}[]} */
const MEASURES = [
  {
    value: "kept",
    text: "units",
    note: "What is left of a unit's answer to its own best clips, above its answer to grey: 1 is all of it. Median over the units that some clip excites. For time shift and translation the unit is asked at the place where it answered; for the others, for its largest answer anywhere.",
    most: 1.5,
  },
  {
    value: "distance",
    text: "distance",
    note: "How far the layer's answers at all places move; 1 is as far as from one clip to another. Median over clips.",
    most: 1.5,
  },
  {
    value: "correlation",
    text: "correlation",
    note: "How the layer's answers at all places correlate with those to the clip as it is, after the answer to grey was taken from both. Median over clips.",
    most: 1,
    least: -0.25,
  },
];

/**
 * @param {Data} data
 * @param {HTMLElement} parent
 */
export function show(data, parent) {
  parent.append(element("p", {style: {"margin-top": "18px"}}, told(data)));
  trends(data, parent);
  oneChange(data, parent);
  correspondence(data, parent);
  occlusion(data, parent);
}

/** @param {Data} data */
const told = ({clips, failures}) =>
  `${counted(clips, "clip")}, as many of each label as can be, changed and shown to this network and to the same network with weights drawn at random (one draw).${failures ? ` ${counted(failures, "video")} could not be read, or not beyond the clip.` : ""}`;

/**
 * What came out, in words.
 * @param {Data} data
 * @param {Element} parent
 */
function trends(data, parent) {
  const known = data.changes.filter(({trend}) => trend && trend.trained.value !== null);
  if (!known.length || data.layers.length < 2) return;
  section(
    parent,
    "Does invariance grow with depth?",
    null,
    "A unit's half-width is how far a change may go until half of its answer is left. Spearman's correlation of half-width with depth, over all units, with 95 % intervals.",
  ).append(
    element(
      "ul",
      {},
      known.map(({name, trend}) => element("li", {style: {margin: "4px 0"}}, trend && sentence(name, trend))),
    ),
  );
}

/** @param {Interval} found */
const inBrackets = ({value, low, high}) =>
  `${decimal(value)} (${decimal(low)} to ${decimal(high)})`.replaceAll("-", "−");

/**
 * @param {string} name
 * @param {Trend} trend
 */
function sentence(name, {trained, control, difference, verdict, against}) {
  const what = {
    grows: `Invariance to ${name} grows with depth: ${inBrackets(trained)}.`,
    falls: `Invariance to ${name} falls with depth: ${inBrackets(trained)}.`,
    neither: `Invariance to ${name} neither grows nor falls with depth: ${inBrackets(trained)}.`,
  }[verdict];
  if (control.value === null) return what;
  const beside = {
    more: `training adds ${inBrackets(difference)}.`,
    less: `training changes that by ${inBrackets(difference)}.`,
    alike: `the difference, ${inBrackets(difference)}, may be none, and the architecture alone may do it.`,
  }[against];
  return `${what} With random weights ${inBrackets(control)}; ${beside}`;
}

/** @param {Change} change  @returns {Axis} */
function axisOf({name, steps, values, unit, octaves}) {
  const shown = (/** @type {number} */ place) => {
    if (!unit) return values[place] ? "yes" : "no";
    if (octaves) return `${number(values[place], 2)}×`;
    return `${number(values[place], 2)}${unit === "degrees" ? "°" : ""}`;
  };
  return {steps, values, text: name, shown};
}

/**
 * One change at a time: half-widths by layer, then curves of each layer.
 * @param {Data} data
 * @param {Element} parent
 */
function oneChange(data, parent) {
  const plots = element("div");
  const options = data.changes.map(({name}) => ({value: name, text: name}));
  const chosen = choice("change", options, options[0].value, draw);
  chosen.style.flexWrap = "wrap";
  const body = section(parent, "One change at a time");
  body.append(chosen, plots);
  /** @param {string} name */
  function draw(name) {
    const change = data.changes.find((each) => each.name === name) ?? data.changes[0];
    plots.replaceChildren();
    byLayer(data, change, plots);
    curves(data, change, plots);
  }
  draw(options[0].value);
}

/**
 * @param {Data} data
 * @param {Change} change
 * @param {Element} parent
 */
function byLayer(data, change, parent) {
  const last = change.values.length - 1;
  const rows = data.layers.flatMap((layer) =>
    BOTH.flatMap((which, series) => {
      const left = layer.changes[change.name]?.[which];
      const found = left && (change.unit ? left.width : left.kept[last]);
      return found ? row(layer.layer, series, found, (left.at_least ?? 0) > 0.5) : [];
    }),
  );
  const text = change.unit ? `half-width [${change.unit}]` : "share of the answer that is left";
  parent.append(element("h3", {style: {"margin-top": "18px"}}, change.unit ? `Half-width for ${change.name} along depth` : `What ${change.name} leaves`));
  const names = namesOf(rows, data);
  layerRows(parent, `${change.name} by layer`, names, rows, {text, colours: [OWN, OTHER], mark: change.unit ? undefined : 1});
  parent.append(LEGEND("Medians over units with 95 % intervals. Hollow: more than half of the units never fall to half."));
}

/**
 * @param {string} layer
 * @param {number} series
 * @param {Interval} found
 * @returns {Row[]}
 */
function row(layer, series, {value, low, high}, bound = false) {
  return value === null ? [] : [{layer, series, value, low: low ?? value, high: high ?? value, bound}];
}

/** @param {Row[]} rows  @param {Data} data */
const namesOf = (rows, data) => data.layers.map(({layer}) => layer).filter((layer) => rows.some((each) => each.layer === layer));

/**
 * @param {Data} data
 * @param {Change} change
 * @param {Element} parent
 */
function curves(data, change, parent) {
  const grid = tiles();
  const note = element("p.note");
  const chosen = choice("measure", MEASURES, "kept", draw);
  chosen.style.margin = "6px 0 8px";
  parent.append(element("h3", {style: {"margin-top": "22px"}}, "Layer by layer"), chosen, note, grid, filled(change));
  /** @param {string} name */
  function draw(name) {
    const measure = MEASURES.find(({value}) => value === name) ?? MEASURES[0];
    const axis = axisOf(change);
    note.textContent = measure.note;
    grid.replaceChildren();
    for (const layer of data.layers) {
      const left = layer.changes[change.name];
      if (!left) continue;
      const tile = element("div", {style: {"min-width": 0}}, element("h4", {}, linked(layer.layer)));
      grid.append(tile);
      curve(tile, `${change.name}, ${layer.layer}`, axis, left.trained[measure.value], left.control[measure.value], measure);
    }
    const label = element("div", {style: {"min-width": 0}}, element("h4", {}, "clips that keep their label"));
    grid.append(label);
    curve(label, `${change.name}, labels`, axis, change.predicted.trained, change.predicted.control, {most: 1});
  }
  draw("kept");
}

/** @param {string} layer */
const linked = (layer) => (layerNamed(layer) ? element("a", {href: address.layer(layer)}, layer) : layer);

/** @param {Change} change */
function filled(change) {
  const {shown} = axisOf(change);
  const some = change.filled.map((share, place) => ({share, place})).filter(({share}) => share > 0.005);
  if (!some.length) return null;
  const words = some.map(({share, place}) => `${percent(share, 0)} at ${shown(place)}`);
  const what = ["speed", "time shift"].includes(change.name)
    ? "Where the video ends, the frame at its border is held; so much of the clips is held"
    : "What comes in from outside repeats the edge; so much of the picture does";
  const out = change.values.map((_, place) => place).filter((place) => !change.counting[place]);
  const omitted = out.length ? ` ${listed(out.map(shown))} ${out.length > 1 ? "do" : "does"} not count for half-widths.` : "";
  return element("p.note", {style: {"margin-top": "10px"}}, `${what}: ${listed(words)}.${omitted}`);
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function correspondence(data, parent) {
  const names = Object.keys(data.hidden.parts);
  if (!names.length) return;
  const plots = tiles();
  plots.style.gridTemplateColumns = "repeat(auto-fill, minmax(min(100%, 330px), 1fr))";
  const body = section(
    parent,
    "Does a layer know the same part again?",
    null,
    `Hidden in ${counted(data.hidden.clips, "clip")}: ${listed(names)}; against boxes of the same size anywhere. Shown is Δ, the share of channels whose mean answer changes with another sign from clip to clip: the smaller, the more alike the layer takes it.${names.includes("what moves most") ? " Where no truth is known, what moves most stands in for a part." : ""}`,
  );
  body.append(plots);
  const colours = [...names.map((_, i) => PART_COLOURS[i % PART_COLOURS.length]), OTHER];
  for (const which of BOTH) {
    const rows = data.layers.flatMap((layer) =>
      [...names, ANYWHERE].flatMap((name, series) => {
        const found = layer.correspondence[which]?.[name];
        return found ? row(layer.layer, series, found) : [];
      }),
    );
    const tile = element("div", {style: {"min-width": 0}}, element("h3", {}, which === "trained" ? "This network" : "Random weights"));
    plots.append(tile);
    layerRows(tile, `Correspondence, ${which}`, namesOf(rows, data), rows, {text: "Δ", colours, domain: [0, 1]});
  }
  body.append(
    legend(
      [...names, "a box anywhere"].map((name, i) => [colours[i], name]),
      "Lines are 95 % intervals over clips.",
    ),
  );
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function occlusion(data, parent) {
  const [windows, rows, columns] = data.hidden.grid;
  const plots = tiles();
  plots.style.gridTemplateColumns = "repeat(auto-fill, minmax(min(100%, 330px), 1fr))";
  const fills = [
    {value: "grey", text: "made grey and still"},
    {value: "blur", text: "blurred"},
  ];
  const body = section(
    parent,
    "How much does a unit need?",
    choice("what is hidden is", fills, "grey", draw),
    `${rows} × ${columns} boxes in the picture and ${windows} windows in time are hidden in turn, in the one of ${counted(data.hidden.clips, "clip")} that excites a unit most. The spread of what it loses: 1 if all boxes cost the same, ${number(1 / (rows * columns), 2)} in space or ${number(1 / windows, 2)} in time if a single one costs it all. A tick marks how much of the picture a unit of the layer can see at all.`,
  );
  body.append(plots, LEGEND("Medians over units with 95 % intervals."));
  /** @param {string} fill */
  function draw(fill) {
    plots.replaceChildren();
    for (const kind of /** @type {const} */ (["space", "time"])) {
      const found = data.layers.flatMap((layer) =>
        BOTH.flatMap((which, series) => row(layer.layer, series, layer.occlusion[which][fill][kind])),
      );
      const fields = data.layers.flatMap((layer) => {
        const field = layer.occlusion.trained[fill].field;
        return kind === "space" && field?.value != null ? [{layer: layer.layer, value: field.value}] : [];
      });
      const tile = element("div", {style: {"min-width": 0}}, element("h3", {}, kind === "space" ? "In space" : "In time"));
      plots.append(tile);
      layerRows(tile, `Spread in ${kind}`, namesOf(found, data), found, {text: "spread", colours: [OWN, OTHER], domain: [0, 1], ticks: fields});
    }
  }
  draw("grey");
}

/**
 * @param {{clips: number, speed: Trend | null, growing: string[], falling: string[]}} told
 * @param {Element} card
 */
export function summary({clips, speed, growing, falling}, card) {
  if (speed && speed.trained.value !== null) card.append(element("p", {}, sentence("speed", speed)));
  const others = [
    growing.length ? `grows for ${listed(growing)}` : "",
    falling.length ? `falls for ${listed(falling)}` : "",
  ].filter(Boolean);
  card.append(
    element("p.quiet", {}, `Over ${counted(clips, "clip")}, half-width along depth ${listed(others) || "shows no trend for any change"}.`),
  );
}

/**
 * @param {Data} data
 * @param {string} name
 * @param {Element} parent
 */
export function unit(data, name, parent) {
  const [layerName, channel] = parts(name);
  const found = data.units[layerName]?.[String(channel)];
  const layer = data.layers.find((each) => each.layer === layerName);
  if (!found || !layer) return;
  const body = section(
    parent,
    "What it does not mind",
    null,
    "What is left of its answers to its own best clips when these are changed. Grey: the median of its layer.",
  );
  const grid = tiles();
  for (const change of data.changes.filter((each) => each.name in found.curves)) {
    const own = found.curves[change.name].map((value) => {
      const share = value === null ? null : value / 100;
      return {value: share, low: share, high: share};
    });
    const {width = null, at_least = false} = found.widths[change.name] ?? {};
    const words = width === null ? "" : ` half-width ${at_least ? "≥ " : ""}${number(width, 2)} ${change.unit}`;
    const tile = element("div", {style: {"min-width": 0}}, element("h4", {}, change.name, element("span.quiet", {}, words)));
    grid.append(tile);
    const median = layer.changes[change.name].trained.kept.map(({value}) => ({value, low: value, high: value}));
    curve(tile, `${change.name}, ${name}`, axisOf(change), own, median, {most: 1.5});
  }
  body.append(grid);
  if (found.clip !== null) hiddenParts(data, name, found, body);
}

/**
 * @param {Data} data
 * @param {string} name
 * @param {OfUnit} found
 * @param {Element} parent
 */
function hiddenParts(data, name, found, parent) {
  const video = data.videos[found.clip ?? 0];
  const line = element("div", {style: {display: "flex", "flex-wrap": "wrap", gap: "14px 32px", "margin-top": "16px"}});
  const where = element("div", {}, element("h4", {}, "lost where a box is hidden"));
  const when = element("div", {style: {flex: "1 1 220px", "min-width": 0}}, element("h4", {}, "lost when a window is hidden"));
  line.append(where, when);
  lossMap(where, `Where ${name} loses what`, found.space, data.hidden.grid[2]);
  lossTimes(when, `When ${name} loses what`, found.time);
  const most = Math.max(...found.space.map((loss) => loss ?? 0));
  parent.append(
    line,
    element("p.note", {}, `Made grey and still, in `, element("a", {href: address.clip(video)}, `clip ${count(video)}`), `. The costliest box takes ${most} % of the answer.`),
  );
}
