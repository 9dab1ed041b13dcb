// @ts-check
// Measures: what was measured of each stimulus, in words that say what they mean?

import {element} from "kinetoscope/element";
import {chi, firsts, motionWords, rival} from "kinetoscope/stimuli";
import {term} from "kinetoscope/term";
import {count, number, paceWord, percent, times} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Part} Part */
/** @typedef {import("kinetoscope/look").Stimulus} Stimulus */
/** @typedef {import("kinetoscope/element").Child} Child */
/** @typedef {{name: string, meaning: string, of: (each: Stimulus) => Child}} Measure */

/** @param {Part} part  @returns {Measure[]} */
const measuresOf = ({reference}) => [
  {
    name: `Against the ${rival(reference)}`,
    meaning: `Its activation, in units of the unit's largest on any reference clip. Over 1: it excites more than the ${rival(reference)}.`,
    of: (each) => known(each.ratio, (ratio) => element("b", {}, times(ratio))),
  },
  {
    name: "while shifted, turned, scaled",
    meaning:
      "The mean of the same while the stimulus is shifted, turned and scaled a little. A stimulus that works in one exact place only falls here.",
    of: ({measures}) => known(measures.ratio_over_transforms, times),
  },
  {
    name: reference === "made clips" ? "More than these made clips" : "More than these real clips",
    meaning: "The share of the reference clips that excite it less than this stimulus does.",
    of: ({measures}) => known(measures.percentile, (share) => `${percent(share, 1)}`),
  },
  {
    name: "Rank in its layer",
    meaning:
      "How many units of the layer this stimulus excites as much, each against its own answers to the reference clips. First: it is this unit's and no other's.",
    of: ({measures}) => known(measures.rank, (rank) => `${count(rank)} of ${count(measures.units)}`),
  },
  {
    name: "Ahead of the next unit",
    meaning:
      "By how many deviations, over the reference clips, it is excited more than the next unit of its layer.",
    of: ({measures}) => known(measures.specificity, (lead) => `${number(lead, 2)} σ`),
  },
  {
    name: "Appearance moves",
    meaning: "The dominant motion in the frames: speed, and direction counter-clockwise from right.",
    of: (each) => moves(each.frames_motion),
  },
  {
    name: "Motion moves",
    meaning: "The mean of its flow, weighted by speed: speed, and direction counter-clockwise from right.",
    of: (each) => moves(each.flow_motion),
  },
  {
    name: "Waves in appearance",
    meaning:
      "The strongest wave in the frames: how fine it is, in cycles per pixel, and how fast it goes by, in cycles per frame.",
    of: ({measures}) => wave(measures.frames_peak),
  },
  {
    name: "Waves in motion",
    meaning: "The strongest wave in the flow: in cycles per pixel, and in cycles per frame.",
    of: ({measures}) => wave(measures.flow_peak),
  },
  {
    name: "Spectrum from natural",
    meaning:
      "How far its spectrum is from that of the reference clips, in decibels. 0: the same; real clips differ by a few.",
    of: ({measures}) => known(measures.spectrum_distance, (value) => `${number(value, 2)} dB`),
  },
  {
    name: "Speeds from natural",
    meaning:
      "How far its speeds are from those of the reference clips, in octaves: 1 is twice or half as fast.",
    of: ({measures}) => known(measures.speeds_distance, (value) => `${number(value, 2)} octaves`),
  },
  {
    name: "Share of each stream",
    meaning:
      "What appearance and motion each contribute to the activation (Shapley value). Below zero: it takes away.",
    of: ({measures}) => shares(measures.shares),
  },
  {
    name: "Lost where motion must fit",
    meaning:
      "The activation that is lost where its motion has to explain its frames, as in a video that can be.",
    of: ({measures}) => known(measures.tie_gap, (share) => percent(share, 0)),
  },
  {
    name: "Alike over seeds",
    meaning:
      "How alike its layer is driven by stimuli from other first noise, as a correlation. 1: the search always ends at the same.",
    of: ({measures}) => known(measures.stability, (value) => number(value, 2)),
  },
  {
    name: "Spread over seeds",
    meaning: "Deviation of the activation over seeds, as a share of its mean.",
    of: ({measures}) => known(measures.activation_spread, (share) => `± ${percent(share, 1)}`),
  },
  {
    name: "Path like real clips'",
    meaning:
      "How alike the layer before is driven as by the real clips that excite it most. 1: as those among each other; 0: as by clips of other units. A path is called suspicious below 0.25.",
    of: ({measures}) => known(Object.values(measures.path).at(-1), (value) => number(value, 2)),
  },
];

/**
 * A row a measure, a column a slowness.
 * @param {Part} part
 * @param {Element} parent
 */
export function measures(part, parent) {
  const shown = firsts(part.stimuli);
  const rows = measuresOf(part)
    .map(({name, meaning, of}) => ({name, meaning, values: shown.map(of)}))
    .filter(({values}) => values.some((value) => value !== null));
  const head = shown.map((each, i) =>
    element("th", {scope: "col"}, paceWord(i, shown.length), element("small", {}, ` ${chi(each.slowness)}`)),
  );
  parent.append(
    element(
      "table.measures",
      {},
      element("thead", {}, element("tr", {}, element("td"), head)),
      element(
        "tbody",
        {},
        rows.map(({name, meaning, values}) =>
          element(
            "tr",
            {},
            element("th", {scope: "row"}, term(name, meaning)),
            values.map((value) => element("td", {}, value ?? "–")),
          ),
        ),
      ),
    ),
  );
}

/**
 * @template T
 * @param {T | null | undefined} value
 * @param {(value: T) => Child} say
 */
const known = (value, say) => (value === null || value === undefined ? null : say(value));

/** @param {import("kinetoscope/look").Motion | null} measured */
function moves(measured) {
  const said = motionWords(measured);
  if (!Array.isArray(said)) return said && "none";
  const [arrow, words] = said;
  const [speed, direction] = String(words).split(", ");
  return [arrow, speed.replace("per frame", "/ frame"), element("small", {}, direction)];
}

/** @param {import("kinetoscope/look").Peak | null} peak */
function wave(peak) {
  if (!peak) return null;
  const fine = Math.hypot(peak.right, peak.down);
  const fast = Math.abs(peak.over_time);
  return [
    element(
      "span",
      {title: fine > 0 ? `one every ${number(1 / fine, 2)} pixels` : "as wide as the clip"},
      `${number(fine, 2)} per px`,
    ),
    element(
      "small",
      {title: fast > 0 ? `one every ${number(1 / fast, 2)} frames` : "stands still"},
      `${number(fast, 2)} per frame`,
    ),
  ];
}

/** @param {Record<string, number>} found */
function shares(found) {
  if (!Object.keys(found).length) return null;
  const parts = [
    {name: "appearance", share: found.frames ?? 0},
    {name: "motion", share: found.flow ?? 0},
  ];
  const all = parts.reduce((sum, {share}) => sum + Math.max(0, share), 0) || 1;
  return element(
    "span.shares",
    {},
    element(
      "span.two-part",
      {"aria-hidden": "true"},
      parts.map(({name, share}) =>
        element("i", {class: name, style: {width: `${(100 * Math.max(0, share)) / all}%`}}),
      ),
    ),
    parts.map(({name, share}) =>
      element(`small.${name}`, {title: name}, element("span.unseen", {}, `${name} `), percent(share, 0)),
    ),
  );
}
