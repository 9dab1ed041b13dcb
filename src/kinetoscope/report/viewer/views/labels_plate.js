// @ts-check
// Classes as a figure: appearance, slow motion, fast motion, and real clips of the class beside.

import {address} from "kinetoscope/address";
import {isWrong} from "kinetoscope/clip_card";
import {element} from "kinetoscope/element";
import {labelName, look, reference} from "kinetoscope/look";
import {clipCells, plate} from "kinetoscope/plate";
import {chi, flags, rival, strongest} from "kinetoscope/stimuli";
import {percent, times} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Clip} Clip */
/** @typedef {import("kinetoscope/look").Brief} Brief */
/** @typedef {import("kinetoscope/look").LabelStimuli} LabelStimuli */
/** @typedef {import("kinetoscope/plate").Cell} Cell */
/** @typedef {import("kinetoscope/plate").Column} Column */

const SAMPLES = 2;

/**
 * Clips that show best what a class is: recognized, the surest first.
 * @param {Clip[]} clips
 * @param {number} place  of the label
 */
export const samples = (clips, place) =>
  clips
    .filter((clip) => clip.label === place && (clip.frames || clip.flow))
    .sort((a, b) => Number(isWrong(a)) - Number(isWrong(b)) || (b.probability ?? 0) - (a.probability ?? 0));

/**
 * @param {Element} parent
 * @param {{found: LabelStimuli, place: number, words?: string}[]} rows
 * @param {Clip[]} clips
 */
export function labelsPlate(parent, rows, clips) {
  const made = rows.flatMap(({found}) => found.stimuli);
  const frames = made.some((each) => each.frames);
  const flow = made.some((each) => each.flow);
  const shown = rows.map((row) => ({...row, clips: samples(clips, row.place)}));
  const streams = /** @type {("frames" | "flow")[]} */ (["frames", "flow"]).filter((stream) =>
    shown.some((row) => row.clips.slice(0, SAMPLES).some((clip) => clip[stream])),
  );
  const paces = flow
    ? /** @type {Column[]} */ ([
        ...(frames ? [{title: "appearance", caption: "appearance", tone: "appearance"}] : []),
        {title: "slow motion", caption: "slow motion", tone: "motion"},
        {title: "fast motion", caption: "fast motion", tone: "motion"},
      ])
    : [
        {title: "slow", caption: "slow"},
        {title: "fast", caption: "fast"},
      ];
  plate(parent, {
    columns: [...paces, ...sampleColumns(streams)],
    rows: shown.map((row) => ({
      name: labelName(row.place),
      head: headOf(row),
      cells: [...stimulusCells(row, {frames, flow}), ...sampleCells(row.clips, streams)],
    })),
    kind: "labels",
  });
}

/** @param {{found: LabelStimuli, place: number, words?: string}} row */
function headOf({found, place, words}) {
  const best = strongest(found.stimuli);
  const {accuracy} = look.labels[place];
  return [
    element("a.name", {href: address.label(labelName(place))}, labelName(place)),
    words && element("span.quiet", {}, words),
    accuracy !== null && element("span.quiet", {}, `${percent(accuracy, 0)} recognized`),
    best &&
      best.ratio !== null &&
      element("span.quiet", {}, element("b", {}, times(best.ratio)), ` ${rival(reference)}`),
    best && flags(best),
  ];
}

/** @param {{found: LabelStimuli, place: number}} row  @param {{frames: boolean, flow: boolean}} any  @returns {(Cell | null)[]} */
function stimulusCells({found, place}, {frames, flow}) {
  const [slow, fast] = [found.stimuli[0], found.stimuli[found.stimuli.length - 1]];
  const best = strongest(found.stimuli);
  const cell = (/** @type {Brief | undefined} */ each, /** @type {"frames" | "flow"} */ stream, word = "") =>
    each
      ? {
          track: each[stream],
          opacity: each.opacity,
          name: `Stimulus of ${labelName(place)}, ${word}, ${chi(each.slowness)}`,
          crisp: true,
          under: word === "appearance" ? null : chi(each.slowness),
        }
      : null;
  if (!flow) return [cell(slow, "frames", "slow"), cell(fast, "frames", "fast")];
  return [
    ...(frames ? [cell(best, "frames", "appearance")] : []),
    cell(slow, "flow", "slow motion"),
    cell(fast, "flow", "fast motion"),
  ];
}

/** @param {("frames" | "flow")[]} streams  @returns {Column[]} */
const sampleColumns = (streams) =>
  Array.from({length: streams.length ? SAMPLES : 0}, (_, n) =>
    streams.map((stream, i) => ({
      title: n + i === 0 ? element("b", {}, "real clips") : "",
      caption: i === 0 ? "real clip" : "its motion",
      apart: n + i === 0,
      real: true,
    })),
  ).flat();

/** @param {Clip[]} clips  @param {("frames" | "flow")[]} streams */
const sampleCells = (clips, streams) =>
  Array.from({length: SAMPLES}, (_, n) => {
    const clip = clips[n];
    const under =
      clip && (isWrong(clip) ? element("span.wrong", {}, `taken for ${labelName(clip.predicted)}`) : null);
    return clipCells(clip, {streams, under});
  }).flat();
