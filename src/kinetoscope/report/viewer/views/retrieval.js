// @ts-check
// Retrieval: which real clips excite this unit most, and where in them?

import {address, parts} from "kinetoscope/address";
import {choice, element} from "kinetoscope/element";
import {flowKey} from "kinetoscope/flow_key";
import {allClips, labelName, labelOf, layerNamed, look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {clockTime, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */

/** @typedef {import("kinetoscope/look").Clip} Clip */
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
  const found = unit.top.map((each) => ({...each, of: clips[each.clip]})).filter((each) => each.of);
  const lane = layerNamed(parts(unit.unit)[0])?.lane ?? "both";
  const grid = element("div.clips.top");
  const foot = element("div.foot");
  parent.append(grid, foot);
  if (found.some(({of}) => of.flow)) {
    foot.append(choice("Show of the clips", STREAMS, OF_LANE[lane], fill));
    flowKey(foot, look.clips_full_colour);
  }
  fill(OF_LANE[lane]);

  /** @param {Streams} streams */
  function fill(streams) {
    grid.replaceChildren(...found.map((each) => topClip(unit, each, {streams, most: found[0].activation})));
  }
}

/**
 * @param {Unit} unit
 * @param {Unit["top"][number] & {of: Clip}} found
 * @param {{streams: Streams, most: number}} shown  `most` is the activation in the best clip
 */
function topClip(unit, {of, activation, seconds, place}, {streams, most}) {
  const link = element("a.clip", {href: address.clip(of.id)});
  const wanted = [streams !== "flow" && of.frames, streams !== "frames" && of.flow].filter(Boolean);
  const tracks = wanted.length ? wanted : [of.frames].filter(Boolean);
  tracks.forEach((track, i) => {
    const name = `${of.name}, a clip that excites ${unit.unit}`;
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
