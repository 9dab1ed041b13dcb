// @ts-check
// Clips: all that were scanned, or those of one class, or those the network gets wrong.

import {address} from "kinetoscope/address";
import {clipCard, isWrong} from "kinetoscope/clip_card";
import {choice, element, section} from "kinetoscope/element";
import {allClips, labelName, labelOf, look} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";
import {count, counted} from "kinetoscope/words";

const AT_ONCE = 60;

/** @typedef {import("kinetoscope/look").Clip} Clip */

/**
 * @param {import("kinetoscope/address").Address} asked
 * @param {Element} parent
 */
export async function clips({ask}, parent) {
  const all = await allClips();
  const wanted = {label: ask.get("label"), predicted: ask.get("predicted"), only: ask.get("only") ?? "all"};
  masthead(parent, {
    trail: [{href: address.overview(), text: look.network.name}],
    kind: "Clips",
    title: title(wanted),
    lead: lead(wanted),
  });
  const cards = element("div.clips");
  const said = element("p.quiet", {"aria-live": "polite"});
  const more = element("button.more", {type: "button", on: {click: () => show(Infinity)}}, "Show all");
  section(
    parent,
    "Clips",
    choice(
      "Show",
      [
        {value: "all", text: "all"},
        {value: "wrong", text: "wrong"},
        {value: "right", text: "right"},
      ],
      wanted.only,
      (only) => {
        wanted.only = only;
        show(AT_ONCE);
      },
    ),
  ).append(said, cards, more);
  show(AT_ONCE);

  /** @param {number} most */
  function show(most) {
    const kept = all.filter((clip) => fits(clip, wanted));
    said.textContent = kept.length ? counted(kept.length, "clip") : "No clip is so.";
    cards.replaceChildren(...kept.slice(0, most).map(clipCard));
    more.hidden = kept.length <= most;
    more.textContent = `Show all ${count(kept.length)}`;
  }
}

/** @typedef {{label: string | null, predicted: string | null, only: string}} Wanted */

/** @param {Clip} clip  @param {Wanted} wanted */
const fits = (clip, {label, predicted, only}) =>
  (label === null || labelOf(clip) === label) &&
  (predicted === null || labelName(clip.predicted) === predicted) &&
  (only === "all" || isWrong(clip) === (only === "wrong"));

/** @param {Wanted} wanted */
function title({label, predicted, only}) {
  if (label !== null && predicted !== null && label !== predicted) return `${label} taken for ${predicted}`;
  if (label !== null && predicted !== null) return `${label}, recognized`;
  if (label !== null) return `Clips of ${label}`;
  return only === "wrong" ? "Clips it gets wrong" : "Clips";
}

/** @param {Wanted} wanted */
function lead({label, predicted}) {
  const names = [...new Set([label, predicted].filter((name) => name !== null))];
  return names.length
    ? names.map((name, i) => [
        i > 0 && " · ",
        "Class ",
        element("a", {href: address.label(/** @type {string} */ (name))}, name),
      ])
    : null;
}
