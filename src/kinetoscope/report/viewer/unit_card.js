// @ts-check
// A unit as a small card: its looping stimulus, its address, what it measures.

import {address, parts} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {allClips, layerNamed, unitsOf} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {strongest} from "kinetoscope/stimuli";

/** @typedef {import("kinetoscope/look").Unit} Unit */
/** @typedef {import("kinetoscope/look").Clip} Clip */
/** @typedef {import("kinetoscope/element").Child} Child */

/**
 * @param {Unit} unit
 * @param {Child[]} words
 * @param {Clip[]} clips  all of them: a unit without a stimulus is shown by the clip it likes best
 * @param {{stream?: "both" | "frames" | "flow", slowness?: number}} [wanted]  `slowness` is a
 *   place among the unit's; the strongest stimulus otherwise
 */
export function unitCard(unit, words, clips, {stream = "both", slowness = -1} = {}) {
  const screens = element("span.screens");
  const shown = unit.stimuli[slowness] ?? strongest(unit.stimuli);
  const asked = [stream !== "flow" && shown?.frames, stream !== "frames" && shown?.flow].filter(Boolean);
  const tracks = asked.length ? asked : [shown?.frames ?? shown?.flow].filter(Boolean);
  for (const track of tracks)
    if (track)
      player(screens, track, {name: `Stimulus of ${unit.unit}`, crisp: true, opacity: shown?.opacity});
  if (!tracks.length) stand(screens, unit, clips);
  if (shown?.suspicious)
    screens.append(
      element(
        "span.tag.bad",
        {title: "suspicious path: earlier layers are driven otherwise than by real clips"},
        "path?",
      ),
    );
  return element(
    `a.unit-card${unit.dead ? ".dead" : ""}`,
    {href: address.unit(unit.unit)},
    screens,
    element("span.words", {}, element("span.unit", {}, breakable(unit.unit)), words),
  );
}

/** An address may break after each part of the layer's name. @param {string} name */
const breakable = (name) => name.split(/(?<=\.)|(?=:)/).map((part, i) => [i > 0 && element("wbr"), part]);

/** @param {HTMLElement} screens  @param {Unit} unit  @param {Clip[]} clips */
function stand(screens, unit, clips) {
  const clip = unit.top.length ? clips[unit.top[0].clip] : null;
  const lane = layerNamed(parts(unit.unit)[0])?.lane;
  const tracks = [lane !== "motion" && clip?.frames, lane !== "appearance" && clip?.flow].filter(Boolean);
  for (const track of tracks)
    if (track) player(screens, track, {name: `The clip that excites ${unit.unit} most`});
  if (tracks.length)
    screens.append(element("span.tag", {title: "No stimulus was made: this is a real clip"}, "clip"));
  else screens.append(element("span.missing", {}, unit.dead ? "dead" : "no stimulus"));
}

/**
 * Cards of units that may lie in any layers.
 * @param {Element} parent
 * @param {{unit: string}[]} units
 * @param {(place: number) => Child[]} words
 */
export async function unitCards(parent, units, words) {
  const clips = await allClips();
  const found = await Promise.all(units.map(({unit}) => unitNamed(unit)));
  parent.append(
    element(
      "div.unit-grid.mixed",
      {},
      found.map((unit, place) => unit && unitCard(unit, words(place), clips)),
    ),
  );
}

/** @param {string} name */
async function unitNamed(name) {
  const [layerName, channel] = parts(name);
  const layer = layerNamed(layerName);
  return layer && (await unitsOf(layer)).find((unit) => unit.channel === channel);
}
