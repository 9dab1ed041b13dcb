// @ts-check
// A unit: what would it like to see, which real clips excite it, is it specific?

import {address, parts} from "kinetoscope/address";
import {SHOWN} from "kinetoscope/chapters";
import {element, section} from "kinetoscope/element";
import {allClips, chapterData, labelName, layerNamed, look, reference, stimuliAt, unitsOf} from "kinetoscope/look";
import {badge, masthead} from "kinetoscope/masthead";
import {rival, strongest, suspiciousBadge} from "kinetoscope/stimuli";
import {hasHistory, histories} from "kinetoscope/views/history";
import {others, objective as told} from "kinetoscope/views/objective";
import {retrieval} from "kinetoscope/views/retrieval";
import {histogram, profile} from "kinetoscope/views/scan";
import {withoutSlope} from "kinetoscope/views/unmade";
import {counted, decimal, number, reached} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */

/**
 * @param {import("kinetoscope/address").Address} asked
 * @param {Element} parent
 */
export async function unit({name}, parent) {
  const [layerName, channel] = parts(name);
  const layer = layerNamed(layerName);
  const units = layer ? await unitsOf(layer) : [];
  const place = units.findIndex((each) => each.channel === channel);
  if (!layer || place < 0) throw new Error(`unknown unit: ${name}`);
  const found = units[place];
  const beside = (/** @type {Unit | undefined} */ other) =>
    other ? {href: address.unit(other.unit), text: other.unit} : null;
  masthead(parent, {
    trail: [
      {href: address.overview(), text: look.network.name},
      {href: address.layer(layerName), text: layerName},
    ],
    kind: "unit",
    title: element("span.unit", {}, name),
    lead: lead(found),
    badges: badges(found),
    previous: beside(units[place - 1]),
    next: beside(units[place + 1]),
  });
  const part = found.told ? await stimuliAt(found.told) : null;
  const real = await realClips(found);
  if (part) told(part, parent, {title: "What it would like to see", name, real});
  else if (!layer.sloped) section(parent, "What it would like to see").append(withoutSlope());
  if (found.top.length) {
    await retrieval(
      found,
      section(
        parent,
        "Real clips that excite it most",
        null,
        "Outlined is what the unit sees where it is excited most, while it sees it; the bar below shows when.",
      ),
    );
  }
  await others(found.others, parent, {name, real});
  answers(parent, found);
  await ofChapters(name, parent);
  if (part && hasHistory(part)) {
    const body = section(parent, "How the stimuli were found");
    body.classList.add("histories");
    histories(part, body);
  }
}

/** The clips that excite it most, those with pictures. @param {Unit} unit */
async function realClips({top}) {
  const clips = await allClips();
  return top.map((each) => ({...each, of: clips[each.clip]})).filter(({of}) => of && (of.frames || of.flow));
}

/** @param {Unit} unit */
function lead(unit) {
  const best = strongest(unit.stimuli);
  if (unit.dead)
    return `No clip of the scan excites this unit${best?.activation ? `; its best stimulus reaches ${number(best.activation)}` : ""}.`;
  const held = unit.stimuli.length
    ? reached(best?.ratio, rival(reference))
    : "This look made no stimulus for this unit.";
  const liked =
    unit.preferred === null ? "" : ` Of all classes it answers to ${labelName(unit.preferred)} most.`;
  return held + liked;
}

/** @param {Unit} unit */
function badges(unit) {
  const best = strongest(unit.stimuli);
  return [
    best?.suspicious && suspiciousBadge(),
    unit.dead && badge("dead", "dead", "no clip of the scan excites it"),
    unit.best_real !== null &&
      badge(
        `${rival(reference)} ${number(unit.best_real)}`,
        "",
        reference === "made clips"
          ? "the largest activation on clips that were made, since there is no catalog"
          : "the largest activation in the scan",
      ),
    unit.selectivity !== null &&
      badge(
        `selectivity ${decimal(unit.selectivity)}`,
        "",
        "(best class − mean of the others) / (best class + mean of the others)",
      ),
  ];
}

/** @param {Element} parent  @param {Unit} unit */
function answers(parent, unit) {
  if (!unit.profile && !unit.histogram) return;
  const body = section(parent, "How it answers");
  body.classList.add("split");
  if (unit.profile) {
    const left = element(
      "div",
      {},
      element("h3", {}, "To each class"),
      element("p.note", {}, "Mean over the class's clips of the maximum in a clip"),
    );
    body.append(left);
    profile(unit, left);
  }
  if (unit.histogram) {
    const clips = unit.histogram.counts.reduce((sum, each) => sum + each, 0);
    const right = element(
      "div",
      {},
      element("h3", {}, "To every clip"),
      element("p.note", {}, `Its maximum in each of ${counted(clips, "clip")}`),
    );
    body.append(right);
    histogram(unit, right);
  }
}

/**
 * What the chapters know of this unit.
 * @param {string} name
 * @param {Element} parent
 */
async function ofChapters(name, parent) {
  for (const each of look.chapters) {
    const shown = SHOWN[each.kind]?.unit;
    if (shown) shown(await chapterData(each), name, parent);
  }
}
