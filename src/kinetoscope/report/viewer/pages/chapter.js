// @ts-check
// A chapter: what one kind of evidence tells, and its numbers as files.

import {address} from "kinetoscope/address";
import {SHOWN} from "kinetoscope/chapters";
import {element, section} from "kinetoscope/element";
import {chapterData, look} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";

/**
 * @param {import("kinetoscope/address").Address} asked
 * @param {Element} parent
 */
export async function chapter({name}, parent) {
  const place = look.chapters.findIndex((each) => each.kind === name);
  const found = look.chapters[place];
  if (!found || !SHOWN[name]) throw new Error(`unknown chapter: ${name}`);
  const beside = (/** @type {import("kinetoscope/look").Chapter | undefined} */ other) =>
    other ? {href: address.chapter(other.kind), text: other.title} : null;
  masthead(parent, {
    trail: [
      {href: address.overview(), text: look.network.name},
      {href: address.chapters(), text: "Evidence"},
    ],
    title: found.title,
    lead: found.asks,
    previous: beside(look.chapters[place - 1]),
    next: beside(look.chapters[place + 1]),
  });
  await SHOWN[name].show(await chapterData(found), parent);
  if (!found.tables.length) return;
  section(parent, "The numbers").append(
    element(
      "ul.plain",
      {},
      found.tables.map((table) =>
        element("li", {}, element("a", {href: table.address, download: `${name}-${table.name}.csv`}, `${table.name}.csv`)),
      ),
    ),
  );
}
