// @ts-check
// Confusion: which classes are mixed up, which units make it so, and what do they look like?

import {address} from "kinetoscope/address";
import {bars, chart, Plot} from "kinetoscope/charts";
import {said} from "kinetoscope/chapters/sure";
import {clipCard} from "kinetoscope/clip_card";
import {choice, element, section} from "kinetoscope/element";
import {allClips, look} from "kinetoscope/look";
import {count, counted, decimal, listed, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/** @typedef {[number | null, number | null, number | null]} Ends  value, low, high */
/** @typedef {"taken" | "margin" | "right" | "mended" | "lifted"} Measure */
/** @typedef {Record<Measure, Ends>} Change */
/** @typedef {"pushing" | "apart" | "both" | "random"} Why */
/** @typedef {{unit: string, areas: [number | null, number | null], apart: number, rate: number, push: number | null}} Found */
/** @typedef {{clip: number, path: string, label: string | null, predicted: string, similarity: number}} Neighbour */
/**
 * @typedef {object} Clip
 * @property {number} clip
 * @property {string} path
 * @property {string} label
 * @property {string} predicted
 * @property {number} probability
 * @property {{unit: string, answer: number, typical: number, push: number}[]} units
 * @property {Neighbour[]} neighbours
 */
/** @typedef {{one: string, other: string, taken: [number, number], of: [number, number], cost: number, share: Sure, expected: number}} Pair */
/**
 * @typedef {object} More
 * @property {Found[]} pushing
 * @property {Found[]} apart
 * @property {Found[]} both
 * @property {Found[]} random
 * @property {number} shown
 * @property {Change} before
 * @property {Record<string, Change>} removed  by unit
 * @property {Change | null} control
 * @property {Clip[]} clips
 * @property {{wrong: Sure, right: Sure, wrong_by_chance: number, right_by_chance: number} | null} neighbours
 * @property {string[]} objectives
 * @property {{path: string, error: string}[]} unread
 */
/** @typedef {Pair & More} Worst */
/**
 * @typedef {object} Data
 * @property {string[]} labels
 * @property {string[]} unknown
 * @property {number} clips
 * @property {number} wrong
 * @property {Pair[]} pairs
 * @property {Worst[]} worst
 * @property {{layer: string, catalog: string, training: boolean}} neighbours
 * @property {{layer: string, error: string}[]} failures
 */

const PAIRS = 16;
const IN_FULL = 2;

/** @type {Record<Why, {title: string, note: string, colour: string}>} */
const LISTS = {
  pushing: {
    title: "push the mistakes",
    note: "their answers to the mistaken clips raise the wrong class's score above the right one's, by the slope of the scores",
    colour: "var(--bad)",
  },
  apart: {title: "tell the two apart", note: "clips of one class excite them more than clips of the other", colour: "var(--both)"},
  both: {title: "answer to both", note: "clips of either class excite them more than those of all other classes", colour: "var(--appearance)"},
  random: {title: "at random", note: "some other units that some clip excites", colour: "var(--grey)"},
};

/** @type {{value: Measure, text: string, label: string, note: string, shown: (value: number) => string}[]} */
const MEASURES = [
  {
    value: "taken",
    text: "confusion",
    label: "change of confusion, points",
    note: "Change of the share of both classes' clips that is taken for the other of the two: to the left, removing the unit undoes confusion.",
    shown: (value) => signed(100 * value, 0),
  },
  {
    value: "mended",
    text: "mistakes",
    label: "mistakes put right, %",
    note: "Share of the mistaken clips below that is recognized without the unit. Units that push were found on these very clips.",
    shown: (value) => `${(100 * value).toFixed(0)}`,
  },
  {
    value: "margin",
    text: "margin",
    label: "change of the margin",
    note: "Change of the right class's score above the other's, over the clips of both classes: to the left, the network needs the unit to tell them apart.",
    shown: (value) => signed(value, 2),
  },
];

/** @param {number} value  @param {number} digits */
const signed = (value, digits) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(digits)}`;

/** @param {Ends} ends @returns {Sure} */
const sure = ([value, low, high]) => ({value, low, high});

/** @param {string} name */
const labelled = (name) =>
  look.network.labels.includes(name) ? element("a", {href: address.label(name)}, name) : name;

/**
 * @param {Data} data
 * @param {Element} parent
 */
export async function show(data, parent) {
  pairs(data, parent);
  const clips = await allClips();
  for (const pair of data.worst) {
    const title = `${pair.one} and ${pair.other}`;
    const body = section(parent, title, null, lead(pair));
    contrast(pair, body);
    units(pair, body);
    mistakes(pair, clips, body);
    neighbours(pair, data, clips, body);
  }
  leftOut(data, parent);
}

/** @param {Data} data  @param {Element} parent */
function pairs({pairs: all, clips, wrong}, parent) {
  const body = section(
    parent,
    "What it costs",
    null,
    `${counted(wrong, "clip")} of ${count(clips)} ${wrong === 1 ? "is" : "are"} taken for another class. Pairs by what their confusion costs; behind it how many there would be if the mistakes on both classes fell on all others alike.`,
  );
  if (!all.length) {
    body.append(element("p.quiet", {}, "No two classes are mixed up."));
    return;
  }
  bars(
    body,
    all.slice(0, PAIRS).map(({one, other, taken, cost, expected, share}) => ({
      text: `${one} / ${other}`,
      title: `${one} taken for ${other} ${count(taken[0])} ×, ${other} for ${one} ${count(taken[1])} ×; ${said(share, (value) => percent(value, 0))} of their clips`,
      value: cost,
      shown: `${number(cost)}, by chance ${decimal(expected, 1)}`,
      tone: "wrong",
      href: address.clips({label: one, predicted: other}),
    })),
    {name: "Confused pairs by cost"},
  );
  if (all.length > PAIRS) body.append(element("p.quiet", {}, `and ${counted(all.length - PAIRS, "pair")} more, in pairs.csv`));
}

/** @param {Worst} pair */
function lead({one, other, taken, of, share, before}) {
  const way = (/** @type {string} */ a, /** @type {string} */ b, /** @type {0 | 1} */ at) =>
    `${count(taken[at])} of ${counted(of[at], "clip")} of ${a} taken for ${b}`;
  return `${way(one, other, 0)}, ${way(other, one, 1)}: ${said(share, (value) => percent(value, 0))} of both. The right class's score stands ${said(sure(before.margin), (value) => decimal(value))} above the other's.`;
}

/** What both look like to the network, and what tells them apart. @param {Worst} pair  @param {Element} parent */
function contrast({one, other, objectives}, parent) {
  const made = objectives.filter((written) => look.objectives.some(({objective}) => objective === written));
  /** @param {string} written */
  const linked = (written) => {
    const name = written === `label:${one}` ? one : written === `label:${other}` ? other : null;
    const words = name ?? written.replaceAll("label:", "");
    return element("li", {style: {display: "inline-block", "margin-right": "18px"}}, element("a", {href: name ? address.label(name) : address.objective(written)}, words));
  };
  if (made.length) {
    parent.append(
      element("p.note", {}, "What it would like to see of each, and of one rather than of the other:"),
      element("ul.plain", {style: {"margin-bottom": "12px"}}, made.map(linked)),
    );
    return;
  }
  parent.append(
    element("p.note", {}, "This look made no stimuli for what tells them apart: "),
    element("p", {}, element("code", {style: {"overflow-wrap": "anywhere"}}, `kinetoscope maximize NETWORK "${objectives[2]}"`)),
  );
}

/**
 * What becomes of the confusion without each unit.
 * @param {Worst} pair  @param {Element} parent
 */
function units(pair, parent) {
  const shown = element("div");
  const first = pair.clips.length ? MEASURES : MEASURES.filter(({value}) => value !== "mended");
  const pick = choice("what changes", first, first[0].value, draw);
  parent.append(
    element(
      "div",
      {style: {display: "flex", "flex-wrap": "wrap", gap: "8px 18px", "align-items": "baseline", "margin-top": "14px"}},
      element("h3", {style: {margin: 0}}, "What happens without a unit"),
      pick,
    ),
    shown,
  );
  /** @param {Measure} value */
  function draw(value) {
    const measure = MEASURES.find((each) => each.value === value) ?? MEASURES[0];
    shown.replaceChildren(element("p.note", {style: {margin: "6px 0"}}, measure.note));
    removals(pair, measure, shown);
  }
  draw(first[0].value);
}

/** @param {Worst} pair  @param {typeof MEASURES[number]} measure  @param {Element} parent */
function removals(pair, measure, parent) {
  const why = /** @type {Why[]} */ (["pushing", "apart", "both", "random"]);
  const scale = measure.value === "margin" ? 1 : 100;
  const rows = why.flatMap((list) =>
    pair[list].map((found) => {
      const [value, low, high] = pair.removed[found.unit][measure.value].map((end) => (end === null ? null : scale * end));
      return {key: `${list} ${found.unit}`, list, found, value, low, high};
    }),
  );
  const control = pair.control ? pair.control[measure.value].map((end) => (end === null ? null : scale * end)) : null;
  const order = rows.map(({key}) => key);
  chart(parent, `${measure.text} without each unit`, (width) => {
    const margin = Math.min(190, width * 0.42);
    const room = Math.floor((margin - 12) / 6.4);
    return Plot.plot({
      width,
      height: 60 + 20 * rows.length,
      marginLeft: margin,
      marginRight: 20,
      marginTop: 8,
      marginBottom: 38,
      x: {label: measure.label, grid: true, ticks: Math.max(3, width / 110)},
      y: {domain: order, axis: null},
      marks: [
        control && control[1] !== null && Plot.rectX([control], {x1: (/** @type {any} */ d) => d[1], x2: (/** @type {any} */ d) => d[2], fill: "var(--grey)", fillOpacity: 0.25}),
        Plot.ruleX([0], {stroke: "var(--ink-3)"}),
        Plot.ruleY(rows, {y: "key", x1: "low", x2: "high", stroke: (/** @type {any} */ d) => LISTS[/** @type {Why} */ (d.list)].colour, strokeWidth: 2}),
        Plot.dot(rows, {
          y: "key",
          x: "value",
          r: 4,
          fill: (/** @type {any} */ d) => LISTS[/** @type {Why} */ (d.list)].colour,
          href: (/** @type {any} */ d) => address.unit(d.found.unit),
          title: (/** @type {any} */ d) => about(pair, d.found, measure),
        }),
        Plot.text(rows, {
          y: "key",
          frameAnchor: "left",
          textAnchor: "end",
          dx: -10,
          text: (/** @type {any} */ d) => (d.found.unit.length <= room ? d.found.unit : `…${d.found.unit.slice(1 - room)}`),
          href: (/** @type {any} */ d) => address.unit(d.found.unit),
          title: (/** @type {any} */ d) => about(pair, d.found, measure),
          fill: "var(--ink)",
          fontSize: 12,
        }),
      ],
    });
  });
  parent.append(legend(pair, why));
}

/** @param {Worst} pair  @param {Why[]} why */
const legend = (pair, why) =>
  element(
    "p.legend",
    {},
    why
      .filter((list) => pair[list].length)
      .map((list) => [
        element("i", {style: {width: "9px", height: "9px", "border-radius": "50%", background: LISTS[list].colour}}),
        element("span", {title: LISTS[list].note}, LISTS[list].title),
      ]),
    element("span", {}, "Lines are 95 % intervals over clips; the band is the mean of the units at random."),
  );

/** @param {Worst} pair  @param {Found} found  @param {typeof MEASURES[number]} measure */
function about(pair, found, measure) {
  const side = found.apart >= 0.5 ? pair.one : pair.other;
  const apart = Math.max(found.apart, 1 - found.apart);
  return `${found.unit}: ${said(sure(pair.removed[found.unit][measure.value]), measure.shown)}; ${side} excites it more in ${percent(apart, 0)} of pairs of clips`;
}

/**
 * The mistaken clips, with what excited the wrong class.
 * @param {Worst} pair  @param {import("kinetoscope/look").Clip[]} clips  @param {Element} parent
 */
function mistakes(pair, clips, parent) {
  if (!pair.clips.length) {
    parent.append(element("p.quiet", {}, "No clip of the two is taken for the other."));
    return;
  }
  parent.append(
    element("h3", {style: {"margin-top": "26px"}}, "The mistaken clips"),
    element(
      "p.note",
      {},
      "With the units whose answer, above what recognized clips of the same class give, pushed most towards the wrong class: by how much it raised that class's score over the right one's, to first order.",
    ),
    element(
      "div",
      {style: {display: "grid", "grid-template-columns": "repeat(auto-fill, minmax(min(100%, 300px), 1fr))", gap: "18px 22px"}},
      pair.clips.map((clip) =>
        element(
          "div",
          {style: {display: "grid", "grid-template-columns": "132px minmax(0, 1fr)", gap: "12px", "min-width": 0}},
          card(clip, clips),
          element(
            "ul.plain",
            {style: {"font-size": "13px", "min-width": 0}},
            clip.units.map(({unit, push, answer, typical}) =>
              element(
                "li",
                {style: {padding: "2px 0", "overflow-wrap": "anywhere"}},
                element(
                  "a",
                  {href: address.unit(unit), title: `answers ${number(answer)} on average, clips of ${clip.label} ${number(typical)}`},
                  unit,
                ),
                element("span.quiet", {}, ` +${number(push, 2)}`),
              ),
            ),
            !clip.units.length && element("li.quiet", {}, "no unit stands out"),
          ),
        ),
      ),
    ),
  );
}

/**
 * A clip as the report has it; where it has none, its words.
 * @param {{clip: number, path: string, label: string | null}} told
 * @param {import("kinetoscope/look").Clip[]} clips
 */
function card({clip, path, label}, clips) {
  const found = clips[clip]?.name === path ? clips[clip] : clips.find(({name}) => name === path);
  if (found) return clipCard(found);
  return element("div.clip", {}, element("span.words", {}, element("span.label", {}, label ?? "no label"), element("span.quiet.name", {title: path}, path)));
}

/**
 * @param {Worst} pair  @param {Data} data  @param {import("kinetoscope/look").Clip[]} clips  @param {Element} parent
 */
function neighbours(pair, {neighbours: from}, clips, parent) {
  const told = pair.neighbours;
  if (!told) return;
  const share = (/** @type {number} */ value) => percent(value, 0);
  const where = from.training ? `of ${from.catalog.split(" ")[0]}, which it was trained on,` : "of this catalog";
  parent.append(
    element("h3", {style: {"margin-top": "26px"}}, "What they are like"),
    element(
      "p.note",
      {},
      `The clips ${where} that are nearest by the features of ${from.layer}: ${said(told.wrong, share)} of them have the wrong class (by chance ${share(told.wrong_by_chance)}), ${said(told.right, share)} the right one (by chance ${share(told.right_by_chance)}). Where most have the wrong class, the clip looks like it; where most have the right one, what follows the layer is at fault.`,
    ),
    listOf(pair.clips.slice(0, IN_FULL)),
    pair.clips.length > IN_FULL &&
      element("details", {}, element("summary", {}, `${pair.clips.length - IN_FULL} more mistaken clips`), listOf(pair.clips.slice(IN_FULL))),
  );
  /** @param {Clip[]} own */
  function listOf(own) {
    return element(
      "ul.plain",
      {},
      own.map((clip) =>
        element(
          "li",
          {style: {padding: "10px 0"}},
          element("p", {style: {"margin-bottom": "6px", "overflow-wrap": "anywhere"}}, labelled(clip.label), ` taken for ${clip.predicted}`, element("span.quiet", {style: {"white-space": "normal"}}, ` ${clip.path}`)),
          element(
            "div.clips",
            {style: {"grid-template-columns": "repeat(auto-fill, minmax(104px, 1fr))"}},
            clip.neighbours.map((each) => near(each, from.training ? [] : clips, clip)),
          ),
        ),
      ),
    );
  }
}

/** @param {Neighbour} found  @param {import("kinetoscope/look").Clip[]} clips  @param {Clip} of */
function near(found, clips, of) {
  const mark = found.label === of.predicted ? "wrong class" : found.label === of.label ? "right class" : "neither";
  return element("div", {style: {"min-width": 0}}, card(found, clips), element("p.quiet", {style: {"font-size": "12px"}}, `${decimal(found.similarity)}, ${mark}`));
}

/** @param {Data} data  @param {Element} parent */
function leftOut({unknown, failures, worst}, parent) {
  const unread = new Map(worst.flatMap((pair) => pair.unread.map(({path, error}) => [path, error])));
  const lines = [
    unknown.length && `Classes that the network does not know: ${listed(unknown)}.`,
    ...failures.map(({layer, error}) => `${layer}: ${error.split("\n")[0]}`),
    ...[...unread.values()].map((error) => error.split("\n")[0]),
  ].filter(Boolean);
  if (!lines.length) return;
  section(parent, "What is left out").append(element("ul.plain", {}, lines.map((text) => element("li", {}, text))));
}

/**
 * @param {{wrong: number, clips: number, pair: {one: string, other: string, taken: [number, number]} | null, unit: {unit: string, mended: Ends, taken: Ends} | null}} told
 * @param {Element} card
 */
export function summary({wrong, clips, pair, unit}, card) {
  if (!pair) {
    card.append(element("p", {}, `None of ${counted(clips, "clip")} is taken for another class.`));
    return;
  }
  card.append(
    element(
      "p",
      {},
      `${count(wrong)} of ${counted(clips, "clip")} are mistaken; ${pair.one} and ${pair.other} are mixed up most, ${count(pair.taken[0] + pair.taken[1])} ×.`,
    ),
  );
  if (!unit) return;
  card.append(
    element(
      "p",
      {},
      "Without ",
      element("a", {href: address.unit(unit.unit)}, unit.unit),
      ` ${percent(unit.mended[0], 0)} of these mistakes are put right; confusion of the two changes by ${said(sure(unit.taken), (value) => `${signed(100 * value, 0)}`)} points.`,
    ),
  );
}

/**
 * In which confusions this unit has a part.
 * @param {Data} data
 * @param {string} unit
 * @param {Element} parent
 */
export function unit(data, unit, parent) {
  const own = data.worst.filter((pair) => ["pushing", "apart", "both"].some((why) => pair[/** @type {Why} */ (why)].some((each) => each.unit === unit)));
  if (!own.length) return;
  const body = section(parent, "What it has to do with mistakes");
  body.append(
    element(
      "ul.plain",
      {},
      own.map((pair) => {
        const why = /** @type {Why[]} */ (["pushing", "apart", "both"]).filter((list) => pair[list].some((each) => each.unit === unit));
        const change = pair.removed[unit];
        return element(
          "li",
          {style: {padding: "4px 0"}},
          element("a", {href: address.chapter("confusion")}, `${pair.one} and ${pair.other}`),
          `: one of the units that ${listed(why.map((list) => LISTS[list].title))}. Without it their confusion changes by ${said(sure(change.taken), (value) => signed(100 * value, 0))} points, the margin by ${said(sure(change.margin), (value) => signed(value, 2))}.`,
        );
      }),
    ),
  );
}
