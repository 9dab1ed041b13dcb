// @ts-check
// Attribution: where in a clip, when, and in which stream lies what an answer rests on?

import {address, parse} from "kinetoscope/address";
import {clipHeat} from "kinetoscope/chapters/attribution_clip";
import {element, section} from "kinetoscope/element";
import {allClips} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {count, counted, listed, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/player").Track} Track */
/** @typedef {{adds: Record<string, number>, shares: Record<string, number> | null, why_not: string}} Division */
/** @typedef {{over_time: number[], native_extent: number[] | null, heat: Track, native: Track | null}} Part */
/** @typedef {{frames: [number, number], rows: [number, number], columns: [number, number]}} Box */
/**
 * @typedef {object} Answer
 * @property {number} method  its place
 * @property {string | null} error
 * @property {boolean} signed
 * @property {Record<string, number | null>} facts
 * @property {number} took  seconds
 * @property {Box} strongest
 * @property {Record<string, Part>} parts  by stream, or both
 */
/**
 * @typedef {object} Question
 * @property {string} objective
 * @property {"asked" | "recognized" | "predicted" | "true"} why
 * @property {string} scale
 * @property {number} value
 * @property {{motion: Division, streams: Division | null, filling: string} | null} shares
 * @property {string | null} unshared
 * @property {Answer[]} answers
 */
/** @typedef {{path: string, label: string | null, predicted: string, probability: number, seconds: number[], frames: Track, flow: Track | null, questions: Question[]}} Clip */
/** @typedef {{name: string, source: string, settings: Record<string, any>, full_colour: Record<string, number>}} Method */
/**
 * @typedef {object} Data
 * @property {("frames" | "flow")[]} streams
 * @property {[number, number, number]} extent
 * @property {string} filling
 * @property {{method: string, error: string}[]} refused
 * @property {{path: string, error: string}[]} failures
 * @property {Method[]} methods
 * @property {number | null} full_speed
 * @property {Clip[]} clips
 */

/** @param {Clip} clip */
const isWrong = ({label, predicted}) => label !== null && label !== predicted;

/**
 * @param {Data} data
 * @param {Element} parent
 */
export async function show(data, parent) {
  const wrong = data.clips.filter(isWrong).length;
  const picker = section(
    parent,
    "The clips",
    null,
    `${counted(data.clips.length, "clip")}, ${wrong ? `${count(wrong)} of them taken for another class, ` : ""}seen by ${listed(data.methods.map(({name}) => name))}. Choose one.`,
  );
  const body = element("div");
  parent.append(element("section", {}, body));
  const asked = parse(location.hash).ask.get("clip");
  const buttons = data.clips.map((clip) => thumbnail(clip, () => choose(clip)));
  picker.append(element("div.heat-picker", {role: "group", "aria-label": "Clip"}, buttons));
  const known = await allClips();
  choose(data.clips.find(({path}) => path === asked) ?? data.clips[0]);
  leftOut(data, parent);

  /** @param {Clip} clip */
  function choose(clip) {
    data.clips.forEach((each, i) => buttons[i].setAttribute("aria-pressed", String(each === clip)));
    const id = known.find(({name}) => name === clip.path)?.id;
    body.replaceChildren();
    clipHeat(data, clip, body, id === undefined ? null : address.clip(id));
  }
}

/** @param {Clip} clip  @param {() => void} onChoice */
function thumbnail(clip, onChoice) {
  const button = element("button.heat-thumbnail", {type: "button", title: clip.path, on: {click: onChoice}});
  player(button, clip.frames, {name: clip.path});
  button.append(element("span", {}, clip.label ?? clip.predicted));
  if (isWrong(clip)) button.append(element("span.wrong", {}, `taken for ${clip.predicted}`));
  return button;
}

/** @param {Data} data  @param {Element} parent */
function leftOut({refused, failures}, parent) {
  if (!refused.length && !failures.length) return;
  section(parent, "What could not be done").append(
    element(
      "dl.chapters",
      {},
      refused.map(({method, error}) => [element("dt", {}, method), element("dd", {}, error.split("\n")[0])]),
      failures.map(({path, error}) => [element("dt", {}, path), element("dd", {}, error.split("\n")[0])]),
    ),
  );
}

/**
 * What is known of one clip, for its own page.
 * @param {Data} data
 * @param {string} name
 * @param {Element} parent
 */
export function clip(data, name, parent) {
  const found = data.clips.find(({path}) => path === name);
  if (found) clipHeat(data, found, section(parent, "What the answer rests on"), null);
}

/**
 * @param {{clips: number, wrong: number, methods: string[], shares: Record<"motion" | "streams", {value: number, clips: number} | null>}} told
 * @param {Element} card
 */
export function summary({clips, wrong, methods, shares}, card) {
  const mistaken = wrong ? `, ${count(wrong)} of them mistaken` : "";
  card.append(element("p", {}, `${counted(clips, "clip")}${mistaken}, with the heat of ${listed(methods)}.`));
  const said = [
    shares.motion && `of what such a clip adds to its class's score, ${percent(shares.motion.value, 0)} is motion's`,
    shares.streams && `${percent(shares.streams.value, 0)} comes by the flow`,
  ].filter(Boolean);
  if (said.length) card.append(element("p.quiet", {}, `In the middle one of them, ${said.join("; ")}.`));
}
