// @ts-check
// Stimuli: which of several is meant, how is it called, and what is it held against?

import {element} from "kinetoscope/element";
import {badge} from "kinetoscope/masthead";
import {number, paceWord, times} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Stimulus} Stimulus */
/** @typedef {import("kinetoscope/look").Brief} Brief */
/** @typedef {import("kinetoscope/look").Motion} Motion */

/** @param {number | null} slowness */
export const chi = (slowness) => `χ = ${number(slowness)}`;

/**
 * @template {{activation: number | null}} T
 * @param {T[]} stimuli
 * @returns {T | undefined} the one that excites most
 */
export const strongest = (stimuli) =>
  stimuli.reduce(
    (/** @type {T | undefined} */ best, each) =>
      (each.activation ?? -Infinity) > (best?.activation ?? -Infinity) ? each : (best ?? each),
    undefined,
  );

/** The first of each slowness; several may have been made. @param {Stimulus[]} stimuli */
export function firsts(stimuli) {
  const least = Math.min(...stimuli.map((each) => each.number));
  return stimuli.filter((each) => each.number === least);
}

/** What activations are held against. @param {string | null | undefined} reference */
export const rival = (reference) => (reference === "made clips" ? "best made clip" : "best real clip");

/** @param {number} many  from slow to fast */
export const paceColours = (many) =>
  Array.from(
    {length: many},
    (_, i) => `color-mix(in oklab, var(--slow), var(--fast) ${many > 1 ? (100 * i) / (many - 1) : 0}%)`,
  );

/**
 * How slow it is, how much it excites, and what must be known of it.
 * @param {Stimulus} each
 * @param {{place: number, many: number, best: boolean, reference: string | null}} among
 */
export function paceHead(each, {place, many, best, reference}) {
  return element(
    `div.pace-head${best ? ".best" : ""}`,
    {},
    element("span.pace", {}, paceWord(place, many)),
    element("span.chi", {title: "How strongly change in time was held down"}, chi(each.slowness)),
    element(
      "span.ratio",
      {title: `activation ${number(each.activation)}`},
      each.ratio === null
        ? `activation ${number(each.activation)}`
        : [element("b", {}, times(each.ratio)), ` ${rival(reference)}`],
      best && many > 1 && element("i", {}, " strongest"),
    ),
    flags(each),
  );
}

/** What a reader should be warned of. @param {{woken: boolean, suspicious: boolean}} each */
export const flags = ({woken, suspicious}) =>
  (woken || suspicious) && element("span.flags", {}, suspicious && suspiciousBadge(), woken && wokenBadge());

export const suspiciousBadge = () =>
  badge(
    "suspicious path",
    "bad",
    "The layer before is driven otherwise than by the real clips that excite this most: what is seen here may not be what it answers to in them.",
  );

const wokenBadge = () =>
  badge(
    "woken",
    "",
    "It was silent for the noise that the search began with, or fell silent on the way. Gradient was let through shut rectifiers until it answered.",
  );

/** The motion that was measured, as an arrow and a speed. @param {Motion | null} measured */
export function motionWords(measured) {
  if (!measured) return null;
  const speed = Math.hypot(measured.right, measured.down);
  if (speed < 0.05) return "no motion as a whole";
  const turn = Math.atan2(measured.down, measured.right);
  return [
    element("i.arrow", {"aria-hidden": "true", style: {rotate: `${turn}rad`}}, "→"),
    `${number(speed, 2)} px per frame, ${(Math.round((-turn * 180) / Math.PI) + 360) % 360}°`,
  ];
}
