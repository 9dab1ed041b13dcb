// @ts-check
// Where: which part of the network's clip does this neuron see, in space and in time?

import {drawing, element} from "kinetoscope/element";
import {counted} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Where} Where */

const LONG = 84;

/** @param {Where} where */
export function whereabouts(where) {
  const [height, width] = where.clip;
  const scale = LONG / Math.max(height, width);
  const [wide, tall] = [width * scale, height * scale];
  const frames = where.end + 1 - where.start;
  const picture = drawing(
    "svg",
    {
      class: "where",
      viewBox: `0 0 ${wide} ${tall + 14}`,
      width: wide,
      height: tall + 14,
      role: "img",
      "aria-label": said(where),
    },
    drawing("rect", {class: "clip", x: 0.5, y: 0.5, width: wide - 1, height: tall - 1, rx: 3}),
    drawing("rect", {
      class: "part",
      x: where.left * wide,
      y: where.top * tall,
      width: Math.max(2, where.width * wide),
      height: Math.max(2, where.height * tall),
    }),
    drawing("rect", {class: "clip", x: 0.5, y: tall + 6.5, width: wide - 1, height: 6, rx: 3}),
    drawing("rect", {
      class: "part",
      x: (where.start / where.of) * wide,
      y: tall + 6,
      width: Math.max(2, (frames / where.of) * wide),
      height: 7,
    }),
  );
  return element(
    "div.whereabouts",
    {},
    picture,
    element("p", {}, element("b", {}, "Where in the clip"), ` ${said(where)}`),
  );
}

/** @param {Where} where */
function said({start, end, of, pixels, clip}) {
  const when = start === end ? `frame ${start + 1}` : `frames ${start + 1} to ${end + 1}`;
  return `Only what it sees was made: ${pixels[0]} × ${pixels[1]} of ${clip[0]} × ${clip[1]} pixels, ${when} of ${counted(of, "frame")}.`;
}
