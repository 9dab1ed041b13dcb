// @ts-check
// Several different stimuli of one objective: what else excites it as well?

import {element} from "kinetoscope/element";
import {plate} from "kinetoscope/plate";
import {chi, firsts, rival} from "kinetoscope/stimuli";
import {stimulusCell} from "kinetoscope/views/stimulus";
import {number, paceWord, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Part} Part */
/** @typedef {import("kinetoscope/look").Stimulus} Stimulus */

/**
 * Several different ones, side by side.
 * @param {Part} part
 * @param {Element} parent
 * @param {string} name
 */
export function diverse(part, parent, name) {
  const numbers = [...new Set(part.stimuli.map((each) => each.number))].sort((a, b) => a - b);
  const shown = firsts(part.stimuli);
  const streams = /** @type {("frames" | "flow")[]} */ (["frames", "flow"]).filter((stream) =>
    part.stimuli.some((each) => each[stream]),
  );
  const columns = numbers.flatMap((n, i) =>
    streams.map((stream, j) => ({
      title: j === 0 ? element("b", {}, `No. ${i + 1}`) : "",
      caption: `No. ${i + 1}, ${stream === "flow" ? "motion" : "appearance"}`,
      apart: i > 0 && j === 0,
    })),
  );
  const rows = shown.map(({slowness}, place) => ({
    name: chi(slowness),
    head: [
      element("span.pace", {}, paceWord(place, shown.length)),
      " ",
      element("span.chi", {}, chi(slowness)),
    ],
    cells: numbers.flatMap((n) => {
      const each = part.stimuli.find((other) => other.number === n && other.slowness === slowness);
      return streams.map((stream, j) =>
        each
          ? {
              ...stimulusCell(part, each, stream, `${name}, number ${n + 1}`),
              under: j > 0 ? null : held(each, part.reference),
            }
          : null,
      );
    }),
  }));
  plate(parent, {columns, rows, kind: "diverse"});
}

/** @param {Stimulus} each  @param {string | null} reference */
const held = (each, reference) =>
  each.ratio === null
    ? `activation ${number(each.activation)}`
    : `${percent(each.ratio, 0)} of the ${rival(reference)}`;
