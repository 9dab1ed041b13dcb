// @ts-check
// Evidence: which chapters are there, by the question that they belong to?

import {address} from "kinetoscope/address";
import {element, section} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";
import {QUESTIONS} from "kinetoscope/words";

/**
 * @param {import("kinetoscope/address").Address} _
 * @param {Element} parent
 */
export function chapters(_, parent) {
  masthead(parent, {
    trail: [{href: address.overview(), text: look.network.name}],
    title: "Evidence",
    lead: "What was measured, by the question that it answers.",
  });
  QUESTIONS.forEach((title, question) => {
    const own = look.chapters.filter((each) => each.question === question);
    if (!own.length) return;
    section(parent, title).append(
      element(
        "dl.chapters",
        {},
        own.map((each) => [
          element("dt", {}, element("a", {href: address.chapter(each.kind)}, each.title)),
          element("dd", {}, each.asks),
        ]),
      ),
    );
  });
  if (!look.not_done.length) return;
  section(parent, "What could not be measured").append(
    element(
      "dl.chapters",
      {},
      look.not_done.map(({stage, error}) => [element("dt", {}, stage), element("dd", {}, error)]),
    ),
  );
}
