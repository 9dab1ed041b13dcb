// @ts-check
// Retrieval: which real clips excite this unit most, and where in them?

import {address} from "kinetoscope/address";
import {choice, element} from "kinetoscope/element";
import {flowKey} from "kinetoscope/flow_key";
import {allClips, labelName, labelOf, look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {clockTime, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */

/** @type {"frames" | "flow"} */
let shown = "frames";

/**
 * @param {Unit} unit
 * @param {Element} parent
 */
export async function retrieval(unit, parent) {
  const clips = await allClips();
  const found = unit.top.map((each) => ({...each, of: clips[each.clip]})).filter((each) => each.of);
  const grid = element("div.clips.top");
  const foot = element("div.foot");
  parent.append(grid, foot);
  if (found.some(({of}) => of.flow)) {
    foot.append(
      choice(
        "Show of the clips",
        /** @type {{value: typeof shown, text: string}[]} */ ([
          {value: "frames", text: "frames"},
          {value: "flow", text: "motion"},
        ]),
        shown,
        (way) => {
          shown = way;
          fill();
        },
      ),
    );
    flowKey(foot, look.clips_full_colour);
  }
  fill();

  function fill() {
    grid.replaceChildren(...found.map((each) => topClip(unit, each, found[0].activation)));
  }
}

/**
 * @param {Unit} unit
 * @param {Unit["top"][number] & {of: import("kinetoscope/look").Clip}} found
 * @param {number} most
 */
function topClip(unit, {of, activation, seconds, place}, most) {
  const link = element("a.clip", {href: address.clip(of.id)});
  const track = of[shown] ?? of.frames;
  if (track)
    player(link, track, {name: `${of.name}, a clip that excites ${unit.unit}`, place, timeline: true});
  else link.append(element("div.missing", {}, "no picture"));
  const wrong = of.predicted !== null && of.label !== null && of.predicted !== of.label;
  link.append(
    element(
      "span.words",
      {},
      element("span.label", {}, labelOf(of)),
      element("span.activation", {title: "activation"}, number(activation)),
      element(
        "span.quiet",
        {},
        [
          most > 0 ? percent(activation / most, 0) : null,
          seconds === null ? null : `at ${clockTime(seconds)}`,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      wrong && element("span.wrong", {}, `taken for ${labelName(of.predicted)}`),
    ),
  );
  return link;
}
