// @ts-check
// A class: how well is it recognized, what is it taken for, which units answer to it?

import {address} from "kinetoscope/address";
import {bars} from "kinetoscope/charts";
import {clipCard, isWrong} from "kinetoscope/clip_card";
import {element, section} from "kinetoscope/element";
import {allClips, labelName, labelStimuli, look, stimuliAt} from "kinetoscope/look";
import {badge, masthead} from "kinetoscope/masthead";
import {unitCards} from "kinetoscope/unit_card";
import {confusions} from "kinetoscope/views/evaluation";
import {labelsPlate, samples} from "kinetoscope/views/labels_plate";
import {objective, others} from "kinetoscope/views/objective";
import {count, counted, decimal, percent} from "kinetoscope/words";

const SHOWN = 24;
const NEIGHBOURS = 3;

/**
 * @param {import("kinetoscope/address").Address} asked
 * @param {Element} parent
 */
export async function label({name}, parent) {
  const place = look.labels.findIndex((each) => each.name === name);
  if (place < 0) throw new Error(`unknown class: ${name}`);
  const found = look.labels[place];
  const beside = (/** @type {import("kinetoscope/look").Label | undefined} */ other) =>
    other ? {href: address.label(other.name), text: other.name} : null;
  masthead(parent, {
    trail: [
      {href: address.overview(), text: look.network.name},
      {href: address.labels(), text: "Classes"},
    ],
    kind: "class",
    title: name,
    lead: lead(found),
    badges: [
      found.accuracy !== null &&
        badge(percent(found.accuracy), found.accuracy < 0.5 ? "bad" : "good", "recognized"),
    ],
    previous: beside(look.labels[place - 1]),
    next: beside(look.labels[place + 1]),
  });
  const clips = await allClips();
  const made = await labelStimuli();
  await likes(parent, {place, made, clips});
  mixed(parent, place);
  if (found.units.length) {
    await unitCards(section(parent, "Units most selective for it"), found.units, (place) => [
      element("span.ratio", {title: "selectivity"}, decimal(found.units[place].selectivity)),
    ]);
  }
  const own = clips
    .filter((clip) => clip.label === place)
    .sort((a, b) => Number(isWrong(b)) - Number(isWrong(a)) || (a.probability ?? 0) - (b.probability ?? 0));
  if (own.length) {
    const all = element("a", {href: address.clips({label: name})}, `All ${count(own.length)}`);
    section(
      parent,
      "Its clips",
      all,
      "Those the network gets wrong first, then those it is least sure of",
    ).append(element("div.clips", {}, own.slice(0, SHOWN).map(clipCard)));
  }
}

/** @param {import("kinetoscope/look").Label} label */
function lead({accuracy, count: many}) {
  if (accuracy === null) return "How well it is recognized was not measured in this look.";
  return `The network recognizes ${percent(accuracy)} of ${many === null ? "its videos" : counted(many, "video")}.`;
}

/**
 * The stimuli of the class, beside those of the classes that it is mixed up with.
 * @param {Element} parent
 * @param {{place: number, made: import("kinetoscope/look").LabelStimuli[], clips: import("kinetoscope/look").Clip[]}} what
 */
async function likes(parent, {place, made, clips}) {
  const found = made[place];
  if (!found) return;
  const name = labelName(place);
  const real = samples(clips, place).map((of) => ({of, words: isWrong(of) ? "mistaken" : ""}));
  if (found.told) {
    const note = clips.length
      ? "Beside them real clips of the class; below, in the same way, the classes that it is mixed up with."
      : "There are no real clips here: this look had no catalog.";
    const rows = [{found, place}, ...neighbours(place, made)];
    labelsPlate(section(parent, "What it looks like to the network", null, note), rows, clips);
    const part = await stimuliAt(found.told);
    objective(part, parent, {title: "Slow to fast", name, real});
  }
  await others(found.others, parent, {name: `label:${name}`, real});
}

/**
 * Classes that it is taken for or that are taken for it, the commonest first.
 * @param {number} place
 * @param {import("kinetoscope/look").LabelStimuli[]} made
 */
function neighbours(place, made) {
  const pairs = confusions(look).filter(({truth, taken}) => truth === place || taken === place);
  const places = [...new Set(pairs.map(({truth, taken}) => (truth === place ? taken : truth)))];
  return places
    .filter((other) => made[other]?.stimuli.length)
    .slice(0, NEIGHBOURS)
    .map((other) => ({found: made[other], place: other, words: mixedWords(pairs, other)}));
}

/** @param {import("kinetoscope/views/evaluation").Confusion[]} pairs  @param {number} other */
function mixedWords(pairs, other) {
  const [to, from] = [pairs.find(({taken}) => taken === other), pairs.find(({truth}) => truth === other)];
  return [
    to && `it is taken for this ${count(to.count)} ×`,
    from && `this is taken for it ${count(from.count)} ×`,
  ]
    .filter(Boolean)
    .join("; ");
}

/** @param {Element} parent  @param {number} place */
function mixed(parent, place) {
  const pairs = confusions(look);
  const names = look.network.labels;
  const taken = pairs.filter((pair) => pair.truth === place);
  const mistaken = pairs.filter((pair) => pair.taken === place);
  if (!taken.length && !mistaken.length) return;
  const body = section(parent, "What it is mixed up with");
  body.classList.add("split");
  const most = Math.max(...[...taken, ...mistaken].map((pair) => pair.count));
  for (const [title, rows, other] of /** @type {const} */ ([
    ["Taken for", taken, "taken"],
    ["Others taken for it", mistaken, "truth"],
  ])) {
    const half = element("div", {}, element("h3", {}, title));
    body.append(half);
    if (!rows.length) half.append(element("p.quiet", {}, "Never."));
    else
      bars(
        half,
        rows.map((pair) => ({
          text: names[pair[other]],
          value: pair.count,
          shown: count(pair.count),
          tone: "wrong",
          href: address.clips({label: names[pair.truth], predicted: names[pair.taken]}),
        })),
        {name: title, most},
      );
  }
}
