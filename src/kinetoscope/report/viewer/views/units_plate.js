// @ts-check
// Units as a figure: for each the real clips that excite it most, its appearance, its motion, slow
// to fast.

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {labelName, reference} from "kinetoscope/look";
import {clipCells, plate} from "kinetoscope/plate";
import {chi, flags, rival, strongest} from "kinetoscope/stimuli";
import {decimal, paceWord, times} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").FigureRow} FigureRow */
/** @typedef {import("kinetoscope/look").Brief} Brief */
/** @typedef {import("kinetoscope/plate").Column} Column */

/** @param {Element} parent  @param {FigureRow[]} rows */
export function unitsPlate(parent, rows) {
  const clips = Math.max(...rows.map((row) => row.clips.length));
  const real = /** @type {("frames" | "flow")[]} */ (["frames", "flow"]).filter((stream) =>
    rows.some((row) => row.clips.some((clip) => clip[stream])),
  );
  const flow = rows.some(({stimuli}) => stimuli.some((each) => each.flow));
  const frames = rows.some(({stimuli}) => stimuli.some((each) => each.frames));
  const paces = rows.map(({stimuli}) => stimuli).reduce((a, b) => (b.length > a.length ? b : a));
  /** @type {Column[]} */ const columns = [
    ...Array.from({length: clips}, () =>
      real.map((stream) => ({
        title: "",
        caption: stream === "flow" ? "its motion" : "real clip",
        real: true,
      })),
    ).flat(),
    ...(flow && frames
      ? [
          {
            title: "appearance",
            caption: "appearance",
            tone: /** @type {const} */ ("appearance"),
            apart: clips > 0,
          },
        ]
      : []),
    ...paces.map(({slowness}, i) => ({
      title: `${flow && i === 0 ? "motion: " : ""}${paceWord(i, paces.length) || chi(slowness)}`,
      caption: paceWord(i, paces.length) || chi(slowness),
      tone: flow ? /** @type {const} */ ("motion") : undefined,
      apart: i === 0 && clips > 0 && !(flow && frames),
    })),
  ];
  if (clips) columns[0].title = element("b", {}, "real clips");
  plate(parent, {
    columns,
    rows: rows.map((row) => rowOf(row, {clips, real, flow, frames, paces})),
    kind: "units",
  });
}

/**
 * @param {FigureRow} row
 * @param {{clips: number, real: ("frames" | "flow")[], flow: boolean, frames: boolean, paces: Brief[]}} shape
 */
function rowOf(row, {clips, real, flow, frames, paces}) {
  const best = strongest(row.stimuli);
  const cell = (/** @type {Brief | undefined} */ each, /** @type {"frames" | "flow"} */ stream) =>
    each
      ? {
          track: each[stream],
          opacity: each.opacity,
          name: `Stimulus of ${row.unit}, ${stream === "flow" ? "motion" : "appearance"}, ${chi(each.slowness)}`,
          crisp: true,
          href: address.unit(row.unit),
        }
      : null;
  return {
    name: row.unit,
    head: [
      element("a.unit", {href: address.unit(row.unit)}, row.unit),
      row.preferred !== null &&
        element(
          "span.quiet",
          {title: `selectivity ${decimal(row.selectivity)}`},
          `likes ${labelName(row.preferred)}`,
        ),
      row.ratio !== null &&
        element("span.quiet", {}, element("b", {}, times(row.ratio)), ` ${rival(reference)}`),
      best && flags(best),
    ],
    cells: [
      ...Array.from({length: clips}, (_, n) =>
        clipCells(/** @type {any} */ (row.clips[n]), {streams: real, place: row.clips[n]?.place}),
      ).flat(),
      ...(flow && frames ? [cell(best, "frames")] : []),
      ...paces.map((_, i) => cell(row.stimuli[i], flow ? "flow" : "frames")),
    ],
  };
}
