// @ts-check
// Retrieval: which real clips excite this unit most, middling and least, where in them, and what in
// them is it?

import {address, parts} from "kinetoscope/address";
import {choice, element} from "kinetoscope/element";
import {flowKey} from "kinetoscope/flow_key";
import {allClips, labelName, labelOf, layerNamed, look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {ledBack} from "kinetoscope/views/led_back";
import {clockTime, counted, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */
/** @typedef {import("kinetoscope/look").Clip} Clip */
/** @typedef {import("kinetoscope/look").Hit} Hit */
/** @typedef {Hit & {of: Clip}} Found */
/** @typedef {"both" | "frames" | "flow"} Streams */

/** @type {{value: Streams, text: string}[]} */
const STREAMS = [
  {value: "both", text: "both"},
  {value: "frames", text: "appearance"},
  {value: "flow", text: "motion"},
];
/** @type {Record<string, Streams>} */
const OF_LANE = {appearance: "frames", motion: "flow", both: "both"};

/**
 * @param {Unit} unit
 * @param {Element} parent
 */
export async function retrieval(unit, parent) {
  const clips = await allClips();
  const found = (/** @type {Hit[] | undefined} */ hits) =>
    (hits ?? []).map((each) => ({...each, of: clips[each.clip]})).filter((each) => each.of);
  const rows = rowsOf(unit, found);
  const lane = layerNamed(parts(unit.unit)[0])?.lane ?? "both";
  const grids = rows.map(({title, note, small}) => {
    const grid = element(`div.clips.top${small ? ".small" : ""}`);
    if (title) parent.append(element("h3.row-head", {}, title), element("p.note", {}, note));
    parent.append(grid);
    if (!title) ledBack(unit, parent);
    return grid;
  });
  const foot = element("div.foot");
  parent.append(foot);
  if (rows[0].hits.some(({of}) => of.flow)) {
    foot.append(choice("Show of the clips", STREAMS, OF_LANE[lane], fill));
    flowKey(foot, look.clips_full_colour);
  }
  fill(OF_LANE[lane]);

  /** @param {Streams} streams */
  function fill(streams) {
    const most = rows[0].hits[0]?.activation ?? 0;
    rows.forEach(({hits}, i) =>
      grids[i].replaceChildren(...hits.map((each) => topClip(unit, each, {streams, most}))),
    );
  }
}

/**
 * @param {Unit} unit
 * @param {(hits?: Hit[]) => Found[]} found
 * @returns {{hits: Found[], title?: string, note?: string, small?: boolean}[]}
 */
function rowsOf(unit, found) {
  const excited = unit.excited ?? null;
  const middle = {
    hits: found(unit.middle),
    title: "Clips that excite it middling",
    note:
      excited === null
        ? "Around the median."
        : `Around the median of the ${counted(excited, "video")} that excite it at all.`,
    small: true,
  };
  const bottom = {
    hits: found(unit.bottom).map(nowhere),
    title: "Clips that excite it least",
    note: "The least first; of clips that do not excite it at all, the first of the catalog.",
    small: true,
  };
  return [{hits: found(unit.top)}, ...[middle, bottom].filter(({hits}) => hits.length)];
}

/**
 * Where nothing is answered anywhere, the place of the largest answer says nothing.
 * @param {Found} found
 */
const nowhere = (found) => (found.activation > 0 ? found : {...found, place: null, seconds: null});

/**
 * @param {Unit} unit
 * @param {Found} found
 * @param {{streams: Streams, most: number}} shown  `most` is the activation in the best clip
 */
function topClip(unit, {of, activation, seconds, place}, {streams, most}) {
  const link = element("a.clip", {href: address.clip(of.id)});
  const wanted = [streams !== "flow" && of.frames, streams !== "frames" && of.flow].filter(Boolean);
  const tracks = wanted.length ? wanted : [of.frames].filter(Boolean);
  tracks.forEach((track, i) => {
    const name = `${of.name}, shown to ${unit.unit}`;
    if (track) player(link, track, {name, place, timeline: i === tracks.length - 1});
  });
  if (!tracks.length) link.append(element("div.missing", {}, "no picture"));
  const wrong = of.predicted !== null && of.label !== null && of.predicted !== of.label;
  link.append(
    element(
      "span.words",
      {},
      element("span.label", {}, labelOf(of)),
      element("span.activation", {title: "activation"}, number(activation)),
      element(
        "span.quiet",
        {},
        [
          most > 0 ? percent(activation / most, 0) : null,
          seconds === null ? null : `at ${clockTime(seconds)}`,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      wrong && element("span.wrong", {}, `taken for ${labelName(of.predicted)}`),
    ),
  );
  return link;
}
