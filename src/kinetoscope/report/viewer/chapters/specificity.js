// @ts-check
// Specificity: which units answer to one class, which to all, and what is lost without them?

import {address} from "kinetoscope/address";
import {bars, chart, Plot} from "kinetoscope/charts";
import {intervals, layerLink, said} from "kinetoscope/chapters/sure";
import {choice, element, section} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {count, counted, decimal, listed, number} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/** @typedef {"area" | "entropy" | "selectivity"} Index */
/** @typedef {"specific" | "between" | "general" | "dead"} Kind */
/** @typedef {"specific" | "general" | "random"} Why */
/** @typedef {"zero" | "mean"} Replacement */
/** @typedef {[number, number, number]} Ends  value, low, high */
/** @typedef {{real: Sure, shuffled: Sure, edges: number[], counts: number[], shares: number[]}} Told */
/** @typedef {{unit: string, area: number, rate: number}} Specific */
/**
 * @typedef {object} Layer
 * @property {string} layer
 * @property {number} units
 * @property {number} live
 * @property {Record<Kind, number>} kinds
 * @property {number} specific_by_chance
 * @property {Told} area
 * @property {Told} entropy
 * @property {Told} selectivity
 * @property {Record<string, Specific[]>} specific  by class
 * @property {{unit: string, area: number}[]} general
 */
/**
 * @typedef {object} Effect
 * @property {string} unit
 * @property {Why} why
 * @property {string} label
 * @property {Replacement} replacement
 * @property {number | null} own
 * @property {number | null} others
 * @property {Ends[]} score
 * @property {Ends[]} accuracy
 */
/** @typedef {{why: Why, replacement: Replacement, units: number, own: Sure, others: Sure}} Sum */
/** @typedef {{clips: number, labels: string[], effects: Effect[], sums: Sum[], failures: {layer: string, error: string}[]}} Removed */
/** @typedef {{kind: Kind, best: number, selectivity: number | null, entropy: number | null, areas: [number, number, boolean][], top: [number, number][]}} OfUnit */
/**
 * @typedef {object} Data
 * @property {string[]} labels
 * @property {number[]} clips
 * @property {string[]} untested
 * @property {string[]} unknown
 * @property {number} counted
 * @property {string | null} scores  the layer whose units are of a class by their making
 * @property {{specific: number, general: number, rate: number}} bounds
 * @property {Layer[]} layers
 * @property {Removed | null} removed
 * @property {Record<string, OfUnit>} unit
 */

const OWN = "this network";
const CHANCE = "shuffled classes";

/** @type {{value: Index, text: string, note: string}[]} */
const INDICES = [
  {
    value: "area",
    text: "area",
    note: "How well a unit tells the clips of its best class from all others: the area under the ROC curve, 1 for always, 0.5 for chance. The best of many classes is above 0.5 by chance as well.",
  },
  {
    value: "entropy",
    text: "entropy",
    note: "Of how many classes the clips are that excite a unit most, in bits: 0 for one class, 1 for two alike, and so on.",
  },
  {
    value: "selectivity",
    text: "selectivity",
    note: "How far a unit's mean answer to its best class stands above that to the others: (best − others) / (best + others), 0 for all alike, 1 for one class only.",
  },
];

/** @type {Record<Why, string>} */
const WHY = {specific: "specific units", general: "general units", random: "units at random"};

/** @param {string} name  a class, or undefined where the report has no page of it */
const labelLink = (name) => (look.network.labels.includes(name) ? address.label(name) : undefined);

/** @param {string} name */
const labelled = (name) => {
  const href = labelLink(name);
  return href ? element("a", {href}, name) : name;
};

/** @param {number} value */
const change = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${number(Math.abs(value), 2)}`;

/** @param {Ends} ends @returns {Sure} */
const sure = ([value, low, high]) => ({value, low, high});

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  along(data, parent);
  kinds(data, parent);
  lost(data, parent);
  byLabel(data, parent);
  general(data, parent);
  leftOut(data, parent);
}

/** @param {Data} data  @param {Element} parent */
function along(data, parent) {
  const shown = element("div");
  const note = element("p.note", {style: {margin: "8px 0 12px"}});
  const body = section(
    parent,
    "Along the depth",
    choice("measure", INDICES, INDICES[0].value, draw),
    "Median over the units of each layer, with its interval; beside it what the same units give when the classes of the clips are shuffled.",
  );
  body.append(note, shown);
  /** @param {Index} index */
  function draw(index) {
    note.textContent = INDICES.find(({value}) => value === index)?.note ?? "";
    shown.replaceChildren();
    const rows = data.layers.flatMap((layer) => [
      {row: layer.layer, series: OWN, found: layer[index].real, href: layerLink(layer.layer)},
      {row: layer.layer, series: CHANCE, found: layer[index].shuffled},
    ]);
    const series = [
      {name: OWN, colour: "var(--both)"},
      {name: CHANCE, colour: "var(--grey)", hollow: true},
    ];
    intervals(shown, rows, {name: `Median ${index} by layer`, label: index, series, shown: (value) => decimal(value)});
    distributions(data, index, shown);
  }
  draw(INDICES[0].value);
}

/**
 * All units of each layer, over what chance gives.
 * @param {Data} data  @param {Index} index  @param {Element} parent
 */
function distributions(data, index, parent) {
  const layers = data.layers.filter(({live}) => live);
  const boxes = layers.flatMap((layer) => {
    const {edges, counts, shares} = layer[index];
    const most = Math.max(...counts.map((many) => many / layer.live), ...shares);
    return counts.map((many, i) => ({
      layer: layer.layer,
      from: edges[i],
      to: edges[i + 1],
      share: many / layer.live / most,
      many,
      chance: shares[i] / most,
    }));
  });
  parent.append(element("h3", {style: {"margin-top": "22px"}}, "All units"));
  chart(parent, `Distribution of ${index} over the units of each layer`, (width) => {
    const margin = Math.min(170, width * 0.36);
    return Plot.plot({
      width,
      height: 46 + 46 * layers.length,
      marginLeft: margin,
      marginRight: 22,
      marginTop: 6,
      marginBottom: 36,
      x: {label: index, ticks: Math.max(3, width / 110)},
      y: {axis: null, domain: [0, 1]},
      fy: {label: null, domain: layers.map(({layer}) => layer), axis: null, padding: 0.12},
      marks: [
        Plot.rectY(boxes, {
          fy: "layer",
          x1: "from",
          x2: "to",
          y: "share",
          fill: "var(--both)",
          fillOpacity: 0.75,
          insetLeft: 0.5,
          insetRight: 0.5,
          title: (/** @type {any} */ d) =>
            `${d.layer}: ${counted(d.many, "unit")} from ${decimal(d.from)} to ${decimal(d.to)}`,
        }),
        Plot.rectY(boxes, {fy: "layer", x1: "from", x2: "to", y: "chance", fill: "none", stroke: "var(--ink-3)", strokeOpacity: 0.8}),
        Plot.ruleY([0], {stroke: "var(--line-2)"}),
        Plot.text(layers, {
          fy: "layer",
          text: (/** @type {Layer} */ d) => short(d.layer, margin),
          href: (/** @type {Layer} */ d) => layerLink(d.layer),
          frameAnchor: "left",
          textAnchor: "end",
          dx: -10,
          fill: "var(--ink)",
          fontSize: 12,
        }),
      ],
    });
  });
  parent.append(
    element("p.legend", {}, "Filled: this network's units, as shares of the layer. Outlined: the same with shuffled classes. Each layer has its own height."),
  );
}

/** @param {string} text  @param {number} margin */
const short = (text, margin) => {
  const room = Math.floor((margin - 10) / 6.6);
  return text.length <= room ? text : `…${text.slice(1 - room)}`;
};

/** @param {Data} data  @param {Element} parent */
function kinds({layers, bounds}, parent) {
  const body = section(
    parent,
    "Specific and general units",
    null,
    `Specific: the area of some class is ${bounds.specific} or more, and fewer than ${100 * bounds.rate} % of the units so called would be by chance. General: no class has more than ${bounds.general}.`,
  );
  const tones = {specific: "var(--both)", between: "var(--line-2)", general: "var(--grey)", dead: "var(--ink)"};
  const rows = layers.map((layer) => {
    const parts = /** @type {Kind[]} */ (Object.keys(tones)).map((kind) =>
      element("span", {
        title: `${counted(layer.kinds[kind], "unit")} ${kind}`,
        style: {flex: `${layer.kinds[kind]} 0 0`, background: tones[kind]},
      }),
    );
    const bar = element(
      "span",
      {style: {display: "flex", height: "10px", "min-width": "70px", "border-radius": "5px", overflow: "hidden"}},
      parts,
    );
    const href = layerLink(layer.layer);
    const cells = [layer.units, layer.kinds.specific, decimal(layer.specific_by_chance, 1), layer.kinds.general, layer.kinds.dead];
    return element(
      "tr",
      {},
      element("td", {}, href ? element("a", {href}, layer.layer) : layer.layer),
      element("td", {style: {width: "30%"}}, bar),
      cells.map((cell) => element("td.number", {}, typeof cell === "number" ? count(cell) : cell)),
    );
  });
  const heads = ["units", "specific", "by chance", "general", "dead"];
  body.append(
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element(
          "thead",
          {},
          element("tr", {}, element("th", {}, "layer"), element("th", {}), heads.map((head) => element("th.number", {}, head))),
        ),
        element("tbody", {}, rows),
      ),
    ),
  );
}

/** @param {Data} data  @param {Element} parent */
function lost({removed}, parent) {
  if (!removed || !removed.sums.length) return;
  const shown = element("div");
  const body = section(
    parent,
    "What is lost without a unit",
    choice(
      "what a removed unit answers",
      /** @type {{value: Replacement, text: string}[]} */ ([
        {value: "zero", text: "zero"},
        {value: "mean", text: "its mean"},
      ]),
      "zero",
      draw,
    ),
    `Units were removed one at a time while ${counted(removed.clips, "clip")} were shown: the change of the score, before softmax, of the class that the unit tells best, and of all others. Intervals are over units.`,
  );
  body.append(shown);
  /** @param {Replacement} replacement */
  function draw(replacement) {
    shown.replaceChildren();
    const own = /** @type {Removed} */ (removed);
    const rows = own.sums
      .filter((sum) => sum.replacement === replacement)
      .flatMap((sum) => {
        const row = `${sum.units} ${WHY[sum.why]}`;
        return [
          {row, series: "its own class", found: sum.own},
          {row, series: "other classes", found: sum.others},
        ];
      });
    intervals(shown, rows, {
      name: "Change of scores when a unit is removed",
      label: "change of score",
      series: [
        {name: "its own class", colour: "var(--both)"},
        {name: "other classes", colour: "var(--grey)", hollow: true},
      ],
      shown: change,
      rules: [{value: 0, text: "no change"}],
    });
    mostHarmful(own, replacement, shown);
  }
  draw("zero");
}

const MOST = 12;

/** @param {Removed} removed  @param {Replacement} replacement  @param {Element} parent */
function mostHarmful({effects, labels}, replacement, parent) {
  const told = effects
    .filter((each) => each.replacement === replacement && each.own !== null)
    .sort((a, b) => Number(a.own) - Number(b.own))
    .slice(0, MOST);
  const rows = told.map(({unit, label, why, score, accuracy}) => {
    const place = labels.indexOf(label);
    return element(
      "tr",
      {},
      element("td", {}, element("a", {href: address.unit(unit)}, unit)),
      element("td", {}, labelled(label)),
      element("td", {}, said(sure(score[place]), change)),
      element("td", {}, said(sure(accuracy[place]), points)),
      element("td", {}, why),
    );
  });
  const heads = ["without", "the class", "scores (interval over its clips)", "is recognized, %", "chosen as"];
  parent.append(
    element("h3", {style: {"margin-top": "22px"}}, "The units that are missed most"),
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, heads.map((head) => element("th", {}, head)))),
        element("tbody", {}, rows),
      ),
    ),
  );
}

/** @param {number} value */
const points = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(100 * value).toFixed(0)}`;

const OF_LABEL = 6;

/** @param {Data} data  @param {Element} parent */
function byLabel({labels, layers, clips, scores}, parent) {
  const body = section(
    parent,
    "The most specific units of each class",
    null,
    scores === null
      ? "Of all layers, with the area under the ROC curve."
      : `Of all layers but ${scores}, whose units are of a class by their making; with the area under the ROC curve.`,
  );
  const items = labels
    .filter((_, place) => clips[place])
    .map((label) => {
      const own = layers.filter(({layer}) => layer !== scores);
      const units = own.flatMap((layer) => layer.specific[label] ?? []).sort((a, b) => b.area - a.area);
      return element(
        "li",
        {style: {display: "grid", "grid-template-columns": "minmax(90px, 200px) minmax(0, 1fr)", gap: "12px", padding: "4px 0"}},
        element("span", {style: {"overflow-wrap": "anywhere"}}, labelled(label)),
        units.length
          ? element("span", {}, units.slice(0, OF_LABEL).map(({unit, area}) => unitLink(unit, decimal(area))))
          : element("span.quiet", {}, "none"),
      );
    });
  body.append(element("ul.plain", {}, items));
}

/** @param {string} unit  @param {string} words */
const unitLink = (unit, words) =>
  element(
    "span",
    {style: {display: "inline-block", "margin-right": "14px"}},
    element("a", {href: address.unit(unit)}, unit),
    element("span.quiet", {}, ` ${words}`),
  );

/** @param {Data} data  @param {Element} parent */
function general({layers}, parent) {
  const own = layers.filter((layer) => layer.general.length);
  if (!own.length) return;
  const body = section(
    parent,
    "The most general units",
    null,
    "They answer, and no class excites them much more than the others do; with their largest area.",
  );
  body.append(
    element(
      "ul.plain",
      {},
      own.map((layer) =>
        element("li", {style: {padding: "4px 0"}}, layer.general.map(({unit, area}) => unitLink(unit, decimal(area)))),
      ),
    ),
  );
}

/** @param {Data} data  @param {Element} parent */
function leftOut({untested, unknown, removed}, parent) {
  const lines = [
    untested.length && `Too few clips to be tested: ${listed(untested)}.`,
    unknown.length && `Classes that the network does not know, measured as the others: ${listed(unknown)}.`,
    ...(removed?.failures ?? []).map(({layer, error}) => `${layer}: ${error.split("\n")[0]}`),
  ].filter(Boolean);
  if (!lines.length) return;
  section(parent, "What is left out").append(element("ul.plain", {}, lines.map((text) => element("li", {}, text))));
}

/**
 * @typedef {{layer: string, specific: number, units: number, by_chance: number}} Part
 * @param {{first: Part | null, most: Part | null, own: Partial<Record<Why, Sure>>}} told
 * @param {Element} card
 */
export function summary({first, most, own}, card) {
  if (!first || !most) return;
  const words = ({layer, specific, units}) => `${count(specific)} of ${counted(units, "unit")} of ${layer}`;
  const lines = [
    most.specific
      ? `${words(most)} are specific to one class${first.layer === most.layer ? "" : `, and ${words(first)}`}; with shuffled classes ${decimal(most.by_chance, 1)}.`
      : `No unit is specific to one class.`,
    own.specific &&
      `Without a specific unit its class's score changes by ${said(own.specific, change)}${own.random ? `, without one at random by ${said(own.random, change)}` : ""}.`,
  ];
  card.append(...lines.filter(Boolean).map((line) => element("p", {}, line)));
}

/** @type {Record<Exclude<Kind, "specific">, string>} */
const KIND = {
  between: "It is neither specific to one class nor general.",
  general: "It is general: no class excites it much more than the others do.",
  dead: "No clip with a class excites it.",
};

/**
 * @param {Data} data
 * @param {string} unit
 * @param {Element} parent
 */
export function unit(data, unit, parent) {
  const found = data.unit[unit];
  if (!found) return;
  const most = Math.log2(data.clips.filter(Boolean).length);
  const verdict = found.kind === "specific" ? `It is specific to ${data.labels[found.best]}.` : KIND[found.kind];
  const body = section(parent, "Specific or general?", null, verdict);
  if (found.kind === "dead") return;
  const left = element("div");
  const right = element("div");
  body.append(element("div.split", {}, left, right));
  left.append(
    element("h3", {}, "How well it tells each class"),
    element("p.note", {}, "Area under the ROC curve: 0.5 is chance. Strong: above chance or below it beyond doubt."),
  );
  bars(
    left,
    found.areas.map(([place, area, sure]) => ({
      text: data.labels[place],
      value: area,
      shown: decimal(area),
      href: labelLink(data.labels[place]),
      tone: sure ? "both" : undefined,
    })),
    {name: `Areas of ${unit}`, most: 1},
  );
  right.append(
    element("h3", {}, `The ${data.counted} clips that excite it most`),
    element("p.note", {}, `Entropy of their classes ${decimal(found.entropy)} of ${decimal(most)} bits; selectivity ${decimal(found.selectivity)}.`),
  );
  bars(
    right,
    found.top.map(([place, many]) => ({
      text: data.labels[place],
      value: many,
      shown: Number.isInteger(many) ? count(many) : decimal(many, 1),
      href: labelLink(data.labels[place]),
    })),
    {name: `Classes of the clips that excite ${unit} most`, most: data.counted},
  );
  withoutIt(data, unit, body);
}

/** @param {Data} data  @param {string} unit  @param {Element} parent */
function withoutIt({removed}, unit, parent) {
  const effects = removed?.effects.filter((each) => each.unit === unit) ?? [];
  if (!removed || !effects.length) return;
  const place = (/** @type {string} */ replacement) => effects.find((each) => each.replacement === replacement);
  const frame = element("div", {style: {"margin-top": "22px"}}, element("h3", {}, "What is lost without it"));
  parent.append(frame);
  const series = [
    {name: "it answers zero", colour: "var(--both)", effect: place("zero")},
    {name: "it answers its mean", colour: "var(--ink-2)", hollow: true, effect: place("mean")},
  ];
  const rows = removed.labels.flatMap((label, at) =>
    series.map(({name, effect}) => ({
      row: label,
      series: name,
      found: effect ? sure(effect.score[at]) : null,
      href: labelLink(label),
    })),
  );
  intervals(frame, rows, {
    name: `Change of each class's score without ${unit}`,
    label: "change of score of the class's own clips",
    series,
    shown: change,
    rules: [{value: 0, text: "no change"}],
  });
}
