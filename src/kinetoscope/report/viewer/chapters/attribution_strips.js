// @ts-check
// Strips of time: when does what an answer rests on happen? Under a scrubber, a strip a method.

import {clock} from "kinetoscope/clock";
import {drawing, element} from "kinetoscope/element";
import {clockTime, number} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/attribution").Data} Data */
/** @typedef {import("kinetoscope/chapters/attribution").Clip} Clip */
/** @typedef {import("kinetoscope/chapters/attribution").Question} Question */
/** @typedef {import("kinetoscope/chapters/attribution").Answer} Answer */

/**
 * @param {Data} data
 * @param {Clip} clip
 * @param {Question} question
 * @param {Element} parent
 */
export function timeStrips(data, clip, question, parent) {
  const frames = clip.frames.count;
  const readout = element("output", {"aria-live": "off"});
  const scrub = element("input", {
    type: "range",
    min: 0,
    max: frames - 1,
    step: 1,
    value: 0,
    "aria-label": "Frame of the clip",
    on: {input: () => clock.seek(Number(scrub.value))},
  });
  const cursor = element("div.strip-cursor", {style: {width: `${100 / frames}%`}});
  const strips = question.answers
    .filter(({error}) => error === null)
    .map((answer) => [
      element(
        "div.strip-name",
        {},
        data.methods[answer.method].name,
        element("span.quiet", {}, ` full height ${number(mostOf(overTime(answer)))}`),
      ),
      stripOf(data, clip, answer),
    ]);
  const stack = element("div.strip-stack", {}, strips, cursor);
  const made = element(
    "div.strips",
    {},
    element("div.strips-head", {}, element("h3", {}, "When"), readout),
    scrub,
    stack,
    element("p.note", {}, note(data)),
  );
  stack.addEventListener("click", (event) => {
    const room = stack.getBoundingClientRect();
    const across = (/** @type {MouseEvent} */ (event).clientX - room.left) / room.width;
    clock.seek(Math.max(0, Math.min(frames - 1, Math.floor(across * frames))));
  });
  parent.append(made);
  clock.join(made, frames, (frame) => {
    const shown = frame % frames;
    scrub.value = String(shown);
    cursor.style.left = `${(100 * shown) / frames}%`;
    readout.textContent = clip.seconds.length ? clockTime(clip.seconds[shown]) : `frame ${shown + 1}`;
  });
}

/** @param {Data} data */
const note = ({streams}) =>
  `The heat of each frame, summed over its pixels${streams.length > 1 ? " and over both streams" : ""}: upwards for it, downwards against it. Each strip has its own height. Click a frame to stop there.`;

/** Of all parts together. @param {Answer} answer @returns {number[]} */
function overTime({parts}) {
  const each = Object.values(parts).map(({over_time: heat}) => heat);
  return each[0].map((_, frame) => each.reduce((sum, heat) => sum + heat[frame], 0));
}

/** What fills a strip. @param {number[]} heat */
const mostOf = (heat) => Math.max(...heat.map(Math.abs));

/** @param {Data} data  @param {Clip} clip  @param {Answer} answer */
function stripOf(data, clip, answer) {
  const heat = overTime(answer);
  const most = mostOf(heat) || 1;
  const room = answer.signed ? 20 : 40;
  const zero = answer.signed ? 20 : 40;
  const bars = heat.map((value, frame) => {
    const tall = (Math.abs(value) / most) * room;
    return drawing(
      "rect",
      {x: frame + 0.06, width: 0.88, y: value > 0 ? zero - tall : zero, height: tall, class: value > 0 ? "for" : "against"},
      drawing("title", {}, `${clip.seconds.length ? clockTime(clip.seconds[frame]) : `frame ${frame + 1}`}: ${said(answer, frame)}`),
    );
  });
  return drawing(
    "svg",
    {
      viewBox: `0 0 ${heat.length} 40`,
      preserveAspectRatio: "none",
      class: "strip",
      role: "img",
      "aria-label": `Heat of ${data.methods[answer.method].name} over time, most in frame ${heat.indexOf(Math.max(...heat)) + 1}`,
    },
    answer.signed && drawing("line", {x1: 0, x2: heat.length, y1: zero, y2: zero, class: "zero"}),
    bars,
  );
}

/** @param {Answer} answer  @param {number} frame */
const said = ({parts}, frame) =>
  Object.entries(parts)
    .map(([part, {over_time: heat}]) => `${part} ${number(heat[frame])}`)
    .join(", ");
