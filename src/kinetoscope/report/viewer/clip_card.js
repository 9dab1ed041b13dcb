// @ts-check
// A clip as a small card: it plays, with what it is and what the network says.

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {labelName, labelOf} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Clip} Clip */

/** @param {Clip} clip */
export const isWrong = ({label, predicted}) => label !== null && predicted !== null && label !== predicted;

/** @param {Clip} clip */
export function clipCard(clip) {
  const link = element("a.clip", {href: address.clip(clip.id)});
  const track = clip.frames ?? clip.flow;
  if (track) player(link, track, {name: clip.name});
  else link.append(element("div.missing", {}, clip.error ? "can't be read" : "no picture kept"));
  link.append(
    element(
      "span.words",
      {},
      element("span.label", {}, labelOf(clip)),
      clip.probability !== null && element("span.activation", {}, percent(clip.probability, 0)),
      element("span.quiet.name", {title: clip.name}, clip.name),
      isWrong(clip) && element("span.wrong", {}, `taken for ${labelName(clip.predicted)}`),
    ),
  );
  return link;
}
