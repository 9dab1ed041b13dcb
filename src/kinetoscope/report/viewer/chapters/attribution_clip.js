// @ts-check
// The heat of one clip: all methods side by side, under one clock, with what each stream adds.

import {address} from "kinetoscope/address";
import {timeStrips} from "kinetoscope/chapters/attribution_strips";
import {choice, element} from "kinetoscope/element";
import {flowKey} from "kinetoscope/flow_key";
import {look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {clockTime, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/attribution").Data} Data */
/** @typedef {import("kinetoscope/chapters/attribution").Clip} Clip */
/** @typedef {import("kinetoscope/chapters/attribution").Question} Question */
/** @typedef {import("kinetoscope/chapters/attribution").Answer} Answer */
/** @typedef {import("kinetoscope/chapters/attribution").Division} Division */
/** @typedef {"smooth" | "native" | "off"} Drawn */

const WORDS = {frames: "appearance", flow: "motion"};
const WHY = {
  asked: "",
  recognized: "which it is, and is taken for",
  predicted: "which it is taken for",
  true: "which it is",
};

/** How heat is drawn; kept from clip to clip. @type {Drawn} */
let drawn = "smooth";

/**
 * @param {Data} data
 * @param {Clip} clip
 * @param {Element} parent
 * @param {string | null} href  of the clip's own page
 */
export function clipHeat(data, clip, parent, href) {
  let question = clip.questions[0];
  const screens = element("div.heats");
  const under = element("div");
  const tools = element(
    "div.tools",
    {},
    clip.questions.length > 1 &&
      choice(
        "What is asked for",
        clip.questions.map((value) => ({value, text: plain(value.objective), title: WHY[value.why]})),
        question,
        (value) => {
          question = value;
          fill();
        },
      ),
    choice(
      "How heat is drawn",
      /** @type {{value: Drawn, text: string, title: string}[]} */ ([
        {value: "smooth", text: "heat", title: "Brought to the clip's own resolution"},
        {value: "native", text: "as found", title: "In the resolution in which the method found it"},
        {value: "off", text: "off", title: "The clip alone"},
      ]),
      drawn,
      (value) => {
        drawn = value;
        fillScreens();
      },
    ),
  );
  parent.append(heading(clip, href), tools, screens, under);
  fill();

  function fill() {
    fillScreens();
    under.replaceChildren();
    key(data, under);
    timeStrips(data, clip, question, under);
    owed(question, under);
    facts(data, clip, question, under);
  }

  function fillScreens() {
    screens.replaceChildren(...data.streams.map((stream) => rowOf(data, clip, question, stream)));
  }
}

/** @param {Clip} clip  @param {string | null} href */
function heading(clip, href) {
  const wrong = clip.label !== null && clip.label !== clip.predicted;
  return element(
    "p.heat-title",
    {},
    href ? element("a", {href}, clip.path) : element("span", {}, clip.path),
    element(
      "span",
      {},
      clip.label === null ? "taken for " : wrong ? [labelled(clip.label), ", taken for "] : "",
      labelled(clip.predicted),
      ` ${percent(clip.probability, 0)}`,
    ),
    clip.label !== null && element(`span.badge.${wrong ? "bad" : "good"}`, {}, wrong ? "wrong" : "right"),
  );
}

/** @param {string} name */
const labelled = (name) =>
  look.network.labels.includes(name) ? element("a", {href: address.label(name)}, name) : name;

/** @param {string} objective */
const plain = (objective) => objective.replaceAll("label:", "").replaceAll('"', "");

/**
 * The clip as one stream has it, and each method's heat over it.
 * @param {Data} data  @param {Clip} clip  @param {Question} question  @param {"frames" | "flow"} stream
 */
function rowOf(data, clip, question, stream) {
  const track = clip[stream];
  const word = WORDS[stream];
  const own = element("figure", {}, element(`figcaption.lane.${word}`, {}, word));
  if (track) player(own, track, {name: `${clip.path}, ${word}`});
  return element(
    "div.heat-row",
    {role: "group", "aria-label": word},
    own,
    question.answers.map((answer) => heatOf(data, clip, question, answer, stream)),
  );
}

/**
 * @param {Data} data  @param {Clip} clip  @param {Question} question
 * @param {Answer} answer  @param {"frames" | "flow"} stream
 */
function heatOf(data, clip, question, answer, stream) {
  const {name} = data.methods[answer.method];
  const figure = element("figure", {}, element("figcaption", {}, name));
  const track = clip[stream];
  const part = answer.error === null ? (answer.parts[stream] ?? answer.parts.both) : null;
  if (!track || !part) {
    const why = answer.error ? answer.error.split("\n")[0] : `finds nothing in the ${WORDS[stream]} alone`;
    figure.append(element("div.missing", {title: answer.error ?? why}, why));
    return figure;
  }
  const stack = element("div.heat-stack");
  const said = `${clip.path}, ${WORDS[stream]}, heat of ${name} for ${plain(question.objective)}`;
  const under = element("div.heat-under");
  player(under, track, {name: said});
  stack.append(under);
  if (drawn !== "off") {
    const over = element("div.heat-over");
    const native = drawn === "native";
    player(over, native ? (part.native ?? part.heat) : part.heat, {
      name: said,
      crisp: native,
      place: placeOf(answer, data.extent),
    });
    stack.append(over);
  }
  figure.append(stack);
  const notes = [
    data.streams.length > 1 && !(stream in answer.parts) && "of both streams together",
    drawn === "native" && (part.native_extent ? `found as ${part.native_extent.join(" × ")}` : "found pixel by pixel"),
  ].filter(Boolean);
  if (notes.length) figure.append(element("div.heat-note", {}, notes.join("; ")));
  return figure;
}

/**
 * Where most speaks for it.
 * @param {Answer} answer  @param {[number, number, number]} extent
 * @returns {import("kinetoscope/player").Place}
 */
const placeOf = ({strongest: {frames, rows, columns}}, [, height, width]) => ({
  left: columns[0] / width,
  top: rows[0] / height,
  width: (columns[1] - columns[0]) / width,
  height: (rows[1] - rows[0]) / height,
  start: frames[0],
  end: frames[1] - 1,
});

/** What the colours mean. @param {Data} data  @param {Element} parent */
function key(data, parent) {
  const signed = data.clips.some(({questions}) => questions.some(({answers}) => answers.some((each) => each.signed)));
  parent.append(
    element(
      "p.heat-key",
      {},
      signed && "against it ",
      element(`i.heat-scale${signed ? "" : ".one-sided"}`, {"aria-hidden": "true"}),
      " for it",
      element("span.quiet", {}, "One scale for all clips of a method. Outlined is the box that speaks most for it, bright while it does."),
    ),
  );
  if (data.streams.includes("flow")) flowKey(parent, data.full_speed);
}

/** What each stream adds, and what motion does. @param {Question} question  @param {Element} parent */
function owed({shares, unshared, value, objective}, parent) {
  parent.append(element("h3", {}, "What it is owed to"));
  if (!shares) {
    parent.append(element("p.quiet", {}, (unshared ?? "").split("\n")[0]));
    return;
  }
  const games = /** @type {[Division | null, [string, string], string][]} */ ([
    [shares.motion, ["appearance", "motion"], "appearance: what the clip's stills add; motion: what the clip adds to them"],
    [shares.streams, ["frames", "flow"], `each stream by Shapley's value; one that is out is ${shares.filling}`],
  ]);
  parent.append(
    element("p.note", {}, `${plain(objective)} scores ${number(value)} in this clip.`),
    element("div.owed", {}, games.map(([found, names, note]) => found && division(found, names, note))),
  );
}

/** @param {Division} found  @param {[string, string]} names  @param {string} note */
function division({adds, shares, why_not: whyNot}, names, note) {
  const said = names.map((name, i) => [
    element(`b.${i ? "motion" : "appearance"}`, {}, name),
    ` adds ${number(adds[name])}${shares ? ` (${percent(shares[name], 0)})` : ""}`,
    i === 0 && ", ",
  ]);
  return element(
    "div",
    {},
    shares &&
      element(
        "div.two-part",
        {role: "img", "aria-label": names.map((name) => `${name} ${percent(shares[name], 0)}`).join(", ")},
        names.map((name, i) => element(`span.${i ? "motion" : "appearance"}`, {style: {width: `${100 * shares[name]}%`}})),
      ),
    element("p", {}, said),
    element("p.quiet", {}, shares ? note : whyNot),
  );
}

/**
 * What each method tells of itself, and where it finds most.
 * @param {Data} data  @param {Clip} clip  @param {Question} question  @param {Element} parent
 */
function facts(data, clip, question, parent) {
  const rows = question.answers.filter(({error}) => error === null);
  if (!rows.length) return;
  parent.append(
    element("h3", {}, "What each method finds"),
    element(
      "div.scroll",
      {},
      element(
        "table.heat-facts",
        {},
        element("thead", {}, element("tr", {}, ["method", "strongest", "drawn in full colour", "it tells of itself", "took"].map((head) => element("th", {scope: "col"}, head)))),
        element("tbody", {}, rows.map((answer) => factsOf(data, clip, question, answer))),
      ),
    ),
  );
}

/** @param {Data} data  @param {Clip} clip  @param {Question} question  @param {Answer} answer */
function factsOf(data, clip, question, {method, strongest: {frames, rows, columns}, facts: told, took, signed}) {
  const {name, source, settings, full_colour: full} = data.methods[method];
  const seconds = clip.seconds[frames[0]];
  const set = Object.entries(settings).map(([key_, value]) => `${key_} ${value}`);
  return element(
    "tr",
    {},
    element("th", {scope: "row", title: [source, ...set].join("; ")}, name),
    element(
      "td",
      {},
      `${seconds === undefined ? `frame ${frames[0] + 1}` : clockTime(seconds)}, rows ${rows[0]}–${rows[1] - 1}, columns ${columns[0]}–${columns[1] - 1}`,
    ),
    element("td", {}, `${signed ? "± " : ""}${number(full[question.scale])}`),
    element("td", {}, Object.entries(told).map(([fact, value]) => `${fact} ${number(value)}`).join(", ") || "–"),
    element("td", {}, `${number(took, 2)} s`),
  );
}
