// @ts-check
// Attribution check: which method's heat can be believed for this network?

import {agreement, curves, depth} from "kinetoscope/chapters/attribution_check_charts";
import {intervals, said, signed} from "kinetoscope/chapters/sure";
import {choice, element, section} from "kinetoscope/element";
import {count, counted, listed, number} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/** @typedef {{deletion: (number | null)[], insertion: (number | null)[]}} Curves */
/**
 * @typedef {object} Filling  what was measured with one thing in the place of what is removed
 * @property {Sure} deletion
 * @property {Sure} insertion
 * @property {Sure} sensitivity_n
 * @property {Sure} infidelity
 * @property {Sure} completeness_gap
 * @property {Curves} curves
 */
/**
 * @typedef {object} Method
 * @property {string} name
 * @property {string} source
 * @property {number} rank
 * @property {number} clips
 * @property {number} steady  clips on which random weights were asked
 * @property {number} noisy  clips on which noise and another label were asked
 * @property {Sure} seconds
 * @property {Sure} gain
 * @property {Sure} to_first  from the gain of the first, on the clips that both were asked of
 * @property {Sure} over_centre
 * @property {Sure} max_sensitivity
 * @property {Sure} another_label
 * @property {Record<string, Filling>} fillings
 * @property {Record<string, Sure>} streams
 * @property {{chance: Sure, stages: {layers: string[], alike: Sure}[], more: Sure}} random
 * @property {boolean} changes
 */
/**
 * @typedef {object} Data
 * @property {number} clips
 * @property {number} right
 * @property {[number, number, number]} segments
 * @property {string[]} streams
 * @property {string[]} fillings
 * @property {Record<string, number>} tell  clips with enough to lose, by filling
 * @property {number[]} shares  of the blocks, at each step of a curve
 * @property {string | null} recommended
 * @property {Method[]} methods
 * @property {Record<"random" | "centre", {gain: Sure, fillings: Record<string, Filling>}>} controls
 * @property {Sure[][]} agreement
 * @property {{method: string, reason: string}[]} refused
 * @property {{path: string, error: string}[]} failures
 */

const BELIEVED = "order by heat";
const FEW = "the same, asked of some clips only";
const STAYS = "heat stays with random weights";

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  ranks(data, parent);
  shapes(data, parent);
  const drawn = section(
    parent,
    "With random weights",
    null,
    "How much like itself the heat of a clip still is (rank correlation over blocks) when weights are drawn anew, from the output down; all of them in the last step. Dashed: how much like it the heat of other clips is. Heat that stays above that tells of the clip, not of what was learnt.",
  );
  depth(drawn, data.methods);
  if (data.methods.length > 1) {
    const alike = section(parent, "Do methods agree?", null, "Rank correlation between the heats of two methods, blocks of all parts together; medians over clips. Agreement makes no method right, but two that disagree do not both tell what the network loses.");
    agreement(alike, data.methods.map(({name}) => name), data.agreement);
  }
  numbers(data, parent);
  leftOut(data, parent);
}

/** @param {Method} method  @param {number} all  clips */
const kindOf = ({changes, clips}, all) => (!changes ? STAYS : clips < all ? FEW : BELIEVED);

/** Which can't be told from the first, and which were asked of fewer clips. @param {Data} data */
function beside({methods, clips}) {
  const [first, ...others] = methods;
  if (!first?.changes) return "";
  const near = others.filter(({changes, to_first: {high}}) => changes && high !== null && high >= 0);
  const few = methods.filter((method) => kindOf(method, clips) === FEW);
  const told = near.length ? ` On the same clips ${listed(near.map(({name}) => name))} can't be told from ${first.name}.` : "";
  return few.length
    ? `${told} Slow methods are asked of fewer clips unless they could come first: ${listed(few.map(({name, clips: asked}) => `${name} of ${asked}`))}, and surely behind it on these.`
    : told;
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function ranks(data, parent) {
  const {recommended, clips, right, segments, fillings, methods, controls} = data;
  const body = section(
    parent,
    recommended ? `${recommended} comes first` : "No method is to be believed",
    null,
    `${counted(clips, "clip")}, ${right} recognized, each attributed for the label that is most likely. Blocks of space-time (${segments.join(" × ")} a clip) are removed in the order of their heat, or put in; ${listed(fillings)} in their place. What an order gains is the area between its curves and those of random orders, as a part of what there is to lose.${beside(data)}`,
  );
  const series = [
    {name: BELIEVED, colour: "var(--accent)"},
    {name: FEW, colour: "var(--accent)", hollow: true},
    {name: STAYS, colour: "var(--bad)"},
  ].filter(({name}) => methods.some((method) => kindOf(method, clips) === name));
  const centre = controls.centre.gain.value;
  intervals(
    body,
    methods.map((method) => ({row: method.name, series: kindOf(method, clips), found: method.gain})),
    {
      name: "What removing by heat gains over random orders, by method",
      label: "gain",
      series,
      shown: signed,
      domain: range(methods.map(({gain}) => gain)),
      rules: [{value: 0, text: "random"}, ...(centre === null ? [] : [{value: centre, text: "centre"}])],
    },
  );
}

/** From 0, or below, to the most. @param {Sure[]} found @returns {[number, number]} */
function range(found) {
  const ends = found.flatMap(({low, high, value}) => [low ?? value ?? 0, high ?? value ?? 0]);
  return [Math.min(-0.05, ...ends), Math.max(0.5, ...ends)];
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function shapes({fillings, methods, controls, shares}, parent) {
  const shown = element("div");
  const pick = choice("what stands in", fillings.map((value) => ({value, text: value})), fillings[0], draw);
  const body = section(
    parent,
    "Taken away, and put in",
    fillings.length > 1 && pick,
    "What is left of what there is to lose, as blocks go in the order of heat (blue, the sooner it falls the better) or come in that order (violet, the sooner it rises the better). Dashed: random orders; dotted: from the centre.",
  );
  body.append(shown);
  /** @param {string} filling */
  function draw(filling) {
    shown.replaceChildren();
    curves(shown, methods, controls, filling, shares);
  }
  draw(fillings[0]);
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function numbers({methods, fillings, streams}, parent) {
  const alone = streams.length > 1 ? streams.filter((stream) => methods.some((each) => each.streams[stream])) : [];
  const names = [
    "method", "clips", "seconds a clip", "gain", "to the first", "gain over the centre", "sensitivity-n", "infidelity", "completeness gap",
    "max-sensitivity", "likeness for the next label", ...alone.map((stream) => `deletion, ${stream} alone`),
  ];
  const first = fillings[0];
  section(
    parent,
    "Every number",
    null,
    `Medians over clips with 95 % intervals; more of them are in the tables. To the first is how far a method's gain is from that of ${methods[0]?.name}, on the clips that both were asked of. With ${first} in place of what is removed: sensitivity-n is the correlation of heat and loss over random sets of blocks; infidelity the part of the loss that the heat, well scaled, does not tell; the completeness gap is meant for methods that promise to sum up. Max-sensitivity is how much of the heat moves for noise that can't be seen.`,
  ).append(
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
          methods.map((method) => {
            const own = method.fillings[first];
            const cells = [
              element("span", {title: method.source}, method.name),
              count(method.clips),
              number(method.seconds.value, 2),
              said(method.gain, signed),
              said(method.to_first, signed),
              said(method.over_centre, signed),
              said(own.sensitivity_n, signed),
              said(own.infidelity, signed),
              (own.completeness_gap.value ?? 0) > 10 ? "over 10" : said(own.completeness_gap, signed),
              said(method.max_sensitivity, signed),
              said(method.another_label, signed),
              ...alone.map((stream) => said(method.streams[stream], signed)),
            ];
            return element("tr", {}, cells.map((cell) => element("td", {}, cell)));
          }),
        ),
      ),
    ),
  );
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function leftOut({clips, tell, refused, failures}, parent) {
  const lines = [
    ...Object.entries(tell).filter(([, many]) => many < clips).map(([filling, many]) => `${counted(clips - many, "clip")} with ${filling}: too little to lose.`),
    ...refused.map(({method, reason}) => `${method}: ${reason.split("\n")[0]}`),
    ...failures.map(({path, error}) => `${path}: ${error.split("\n")[0]}`),
  ];
  if (!lines.length) return;
  section(parent, "What is left out").append(element("ul.plain", {}, lines.map((text) => element("li", {}, text))));
}

/**
 * @param {{methods: number, clips: number, recommended: string | null, gain: Sure | null, stays: string[]}} told
 * @param {Element} card
 */
export function summary({methods, clips, recommended, gain, stays}, card) {
  const best = recommended
    ? `Of ${counted(methods, "method")} on ${counted(clips, "clip")}, ${recommended} tells best what this network loses: it gains ${said(gain, signed)} over random orders.`
    : `None of ${counted(methods, "method")} is surely better than removing at random.`;
  const last = stays.length ? ` With random weights the heat of ${listed(stays)} stays.` : "";
  card.append(element("p", {}, best + last));
}
