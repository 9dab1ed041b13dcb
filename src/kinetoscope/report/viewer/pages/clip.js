// @ts-check
// A clip: what does the network say of it, and which units does it excite most?

import {address} from "kinetoscope/address";
import {bars} from "kinetoscope/charts";
import {SHOWN} from "kinetoscope/chapters";
import {isWrong} from "kinetoscope/clip_card";
import {element, section} from "kinetoscope/element";
import {flowKey} from "kinetoscope/flow_key";
import {allClips, chapterData, labelName, labelOf, look} from "kinetoscope/look";
import {badge, masthead} from "kinetoscope/masthead";
import {player} from "kinetoscope/player";
import {unitCards} from "kinetoscope/unit_card";
import {clockTime, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Clip} Clip */

/**
 * @param {import("kinetoscope/address").Address} asked
 * @param {Element} parent
 */
export async function clip({name}, parent) {
  const clips = await allClips();
  const found = clips[Number(name)];
  if (!found) throw new Error(`unknown clip: ${name}`);
  const beside = (/** @type {Clip | undefined} */ other) =>
    other ? {href: address.clip(other.id), text: other.name} : null;
  masthead(parent, {
    trail: [
      {href: address.overview(), text: look.network.name},
      {href: address.clips(), text: "Clips"},
    ],
    kind: "clip",
    title: found.name,
    lead: lead(found),
    badges: badges(found),
    previous: beside(clips[found.id - 1]),
    next: beside(clips[found.id + 1]),
  });
  const body = element("div.split.watch");
  parent.append(element("section", {}, body));
  screens(body, found);
  if (found.likely.length) {
    const right = element("div", {}, element("h2", {}, "What the network says"));
    body.append(right);
    bars(
      right,
      found.likely.map((label, i) => ({
        text: labelName(label),
        value: found.probabilities[i],
        shown: percent(found.probabilities[i]),
        href: address.label(labelName(label)),
        tone: label === found.label ? "right" : i > 0 ? undefined : isWrong(found) ? "wrong" : "strong",
        title: label === found.label ? "what it is" : undefined,
      })),
      {name: "Probability by class", most: 1},
    );
  }
  await ofChapters(found.name, parent);
  if (!found.units.length) return;
  await unitCards(
    section(
      parent,
      "Units it excites most",
      null,
      "From the last layer to the first, by how near it comes to the unit's highest activation on any clip",
    ),
    found.units,
    (place) => [
      element(
        "span.ratio",
        {title: "of its highest activation on any clip"},
        percent(found.units[place].share, 0),
      ),
      element("span.quiet", {}, `activation ${number(found.units[place].activation)}`),
    ],
  );
}

/** What each kind of evidence knows of it. @param {string} name  @param {Element} parent */
async function ofChapters(name, parent) {
  for (const each of look.chapters) {
    const shown = SHOWN[each.kind]?.clip;
    if (shown) shown(await chapterData(each), name, parent);
  }
}

/** @param {Clip} clip */
function lead(clip) {
  if (clip.error) return clip.error;
  const what =
    clip.label === null
      ? `${clip.other_label ? `The catalog calls it ${clip.other_label}, which the network does not know` : "It has no label"}.`
      : ["This is ", element("a", {href: address.label(labelName(clip.label))}, labelName(clip.label)), "."];
  if (clip.predicted === null) return what;
  return [
    what,
    isWrong(clip) ? " The network takes it for " : " The network says ",
    element("a", {href: address.label(labelName(clip.predicted))}, labelName(clip.predicted)),
    clip.probability === null ? "." : `, with a probability of ${percent(clip.probability)}.`,
  ];
}

/** @param {Clip} clip */
const badges = (clip) => [
  clip.error
    ? badge("can't be read", "bad")
    : clip.predicted !== null &&
      clip.label !== null &&
      (isWrong(clip) ? badge("wrong", "bad") : badge("right", "good")),
  clip.seconds?.length &&
    badge(
      `${clockTime(clip.seconds[0])} to ${clockTime(clip.seconds[clip.seconds.length - 1])}`,
      "",
      "where in the video",
    ),
];

/** @param {Element} parent  @param {Clip} clip */
function screens(parent, clip) {
  const left = element("div");
  const pair = element("div.pair");
  for (const [track, word] of /** @type {const} */ ([
    [clip.frames, "appearance"],
    [clip.flow, "motion"],
  ])) {
    if (!track) continue;
    const figure = element("figure", {}, element(`figcaption.lane.${word}`, {}, word));
    pair.append(figure);
    player(figure, track, {name: `${clip.name}, ${word}`, timeline: true});
  }
  if (!pair.children.length)
    pair.append(
      element(
        "div.missing",
        {},
        clip.error
          ? "can't be read"
          : "No pictures of this clip were kept: it is not among the clips that excite a unit most.",
      ),
    );
  left.append(pair);
  if (clip.flow) flowKey(left, look.clips_full_colour);
  parent.append(left);
}
