// @ts-check
// Led back: what in the clips that excite a unit most is it that excites it? As in ZFNet, the clips
// cut to what the unit sees, and beside them its answers led back to the pixels.

import {choice, element} from "kinetoscope/element";
import {player} from "kinetoscope/player";
import {counted} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */
/** @typedef {"frames" | "flow"} Stream */

/** @type {Record<string, {title: string, note: string}>} */
const PARTS = {
  clips: {title: "what it sees of them", note: "in the order of the clips above"},
  deconvolved: {
    title: "deconvolved",
    note: "only what speaks for it, rectified on the way back",
  },
  guided: {title: "guided", note: "as deconvolved, through what was active alone"},
  gradient: {
    title: "gradient",
    note: "which change would excite it more, and which less",
  },
};

/** @type {{value: Stream, text: string}[]} */
const STREAMS = [
  {value: "frames", text: "appearance"},
  {value: "flow", text: "motion"},
];

/**
 * @param {Unit} unit
 * @param {Element} parent
 */
export function ledBack({unit, led_back: found}, parent) {
  if (!found) return;
  const shown = element("div.led-back");
  const streams = STREAMS.filter(({value}) => found.clips[value]);
  const head = element("div.row-head", {}, element("h3", {}, "What in them excites it"));
  parent.append(
    head,
    element(
      "p.note",
      {},
      `The answer where it is largest in each of the ${counted(found.count, "clip")}, led back to what the unit sees. ` +
        "Grey, or white in motion, is what does not matter; each at a scale of its own.",
    ),
    shown,
  );
  if (streams.length > 1) head.append(choice("Led back to", streams, streams[0].value, fill));
  fill(streams[0].value);

  /** @param {Stream} stream */
  function fill(stream) {
    shown.replaceChildren(
      ...Object.entries(PARTS)
        .filter(([part]) => found?.[part]?.[stream])
        .map(([part, {title, note}]) => {
          const figure = element("figure", {}, element("figcaption", {}, title));
          const track = found?.[part][stream];
          if (track) player(figure, track, {name: `${unit}, ${title}, ${stream}`, crisp: true});
          figure.append(element("span.quiet", {}, note));
          return figure;
        }),
    );
  }
}
