// @ts-check
// The masthead: where am I, what is this, and what stands before and after it?

import {append, element} from "kinetoscope/element";
import {term} from "kinetoscope/term";

/** @typedef {{href: string, text: string}} Link */
/** @type {{previous: Link | null, next: Link | null}} */
const beside = {previous: null, next: null};

/**
 * @param {Element} parent
 * @param {object} what
 * @param {Link[]} [what.trail]  the way here
 * @param {import("kinetoscope/element").Child} what.title
 * @param {string} [what.kind]  a word above the title
 * @param {import("kinetoscope/element").Child} [what.lead]  one or two sentences
 * @param {import("kinetoscope/element").Child[]} [what.badges]
 * @param {Link | null} [what.previous]
 * @param {Link | null} [what.next]
 */
export function masthead(parent, {trail = [], title, kind, lead, badges = [], previous = null, next = null}) {
  Object.assign(beside, {previous, next});
  const turn = element("div.turn");
  if (previous || next) append(turn, [arrow(previous, "←", "Previous"), arrow(next, "→", "Next")]);
  parent.append(
    element(
      "header.masthead",
      {},
      element(
        "nav.trail",
        {"aria-label": "The way here"},
        trail.map(({href, text}) => [
          element("a", {href}, text),
          element("span", {"aria-hidden": "true"}, "/"),
        ]),
        kind && element("span", {}, kind),
      ),
      element("div.title", {}, element("h1", {}, title), badges, turn),
      lead && element("p.lead", {}, lead),
    ),
  );
}

/**
 * @param {Link | null} link
 * @param {string} sign
 * @param {string} word
 */
function arrow(link, sign, word) {
  if (!link) return element("span.off", {"aria-hidden": "true"}, sign);
  return element(
    "a",
    {href: link.href, "aria-label": `${word}: ${link.text}`, title: `${word}: ${link.text} (${sign} key)`},
    sign,
  );
}

/** @param {string} text  @param {string} [tone]  @param {string} [meaning] */
export const badge = (text, tone = "", meaning) =>
  element(`span.badge${tone && `.${tone}`}`, {}, meaning ? term(text, meaning) : text);

/** @param {"previous" | "next"} way */
export function turnPage(way) {
  const link = beside[way];
  if (link) location.hash = link.href;
}
