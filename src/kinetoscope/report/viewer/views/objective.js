// @ts-check
// An objective: the stimuli that were made for it, what was measured of them, and other answers.

import {address} from "kinetoscope/address";
import {element, section} from "kinetoscope/element";
import {stimuliAt} from "kinetoscope/look";
import {diverse} from "kinetoscope/views/diverse";
import {measures} from "kinetoscope/views/measures";
import {hasPath, path} from "kinetoscope/views/path";
import {stimulus} from "kinetoscope/views/stimulus";

const IN_FULL = 3;

/** @typedef {import("kinetoscope/look").Part} Part */
/** @typedef {import("kinetoscope/look").Link} Link */
/** @typedef {import("kinetoscope/views/stimulus").Real} Real */

/**
 * @param {Part} part
 * @param {Element} parent
 * @param {{title: string, name: string, real: Real[], note?: import("kinetoscope/element").Child}} what
 */
export function objective(part, parent, {title, name, real, note}) {
  stimulus(part, section(parent, title, null, note), {real, name});
  if (part.stimuli.some((each) => each.number !== part.stimuli[0].number)) {
    const said = "Made to excite it as well, and to differ from each other";
    diverse(part, section(parent, "Several different ones", null, said), name);
  }
  const body = section(parent, "What was measured of them");
  measures(part, body);
  if (!hasPath(part)) return;
  const figure = element(
    "div.path",
    {},
    element("h3", {}, "Do they take the path that real clips take?"),
    element(
      "p.note",
      {},
      "How alike earlier layers are driven as by the real clips that excite it most: 1 as those among each other, 0 as clips of other units.",
    ),
  );
  body.append(figure);
  path(part, figure);
}

/**
 * Other objectives that speak of the same, each as a figure of its own.
 * @param {Link[]} links
 * @param {Element} parent
 * @param {{name: string, real: Real[]}} what
 */
export async function others(links, parent, {name, real}) {
  for (const link of links.slice(0, IN_FULL)) {
    const part = await stimuliAt(link.told);
    const all = element("a", {href: address.objective(link.objective)}, "All that was measured");
    const body = section(parent, titleOf(link.objective, name), all);
    stimulus(part, body, {real: isOpposite(link.objective, name) ? [] : real, name: link.objective});
  }
  rest(links.slice(IN_FULL), parent);
}

/** Links to those that there is no room for. @param {Link[]} links  @param {Element} parent */
function rest(links, parent) {
  if (!links.length) return;
  const item = (/** @type {Link} */ {objective}) =>
    element("li", {}, element("a", {href: address.objective(objective)}, objective));
  section(parent, "Other objectives that speak of it").append(element("ul.plain", {}, links.map(item)));
}

/** @param {string} objective  @param {string} name */
const isOpposite = (objective, name) => objective === `- ${name}`;

/** @param {string} objective  @param {string} name */
function titleOf(objective, name) {
  if (isOpposite(objective, name)) return "What it would least like to see";
  if (objective.startsWith(`${name}@`)) return `At one place: ${objective}`;
  return objective;
}
