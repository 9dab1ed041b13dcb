// @ts-check
// Classes: how well is each told from the others?

import {address} from "kinetoscope/address";
import {bars} from "kinetoscope/charts";
import {element, section} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";
import {confusion} from "kinetoscope/views/evaluation";
import {count, percent} from "kinetoscope/words";

/**
 * @param {import("kinetoscope/address").Address} _
 * @param {Element} parent
 */
export function labels(_, parent) {
  masthead(parent, {
    trail: [{href: address.overview(), text: look.network.name}],
    kind: "Classes",
    title: "Classes",
    lead: look.evaluation?.protocol,
  });
  const rows = look.labels
    .map(({name, accuracy, count: many}) => ({
      text: name,
      value: accuracy,
      shown: accuracy === null ? "–" : percent(accuracy, 0),
      href: address.label(name),
      title: many === null ? name : `${name}: ${count(many)} videos`,
      tone: accuracy !== null && accuracy < 0.5 ? "wrong" : undefined,
    }))
    .sort((a, b) => (b.value ?? -1) - (a.value ?? -1));
  const both = element("div.split");
  parent.append(both);
  bars(
    section(both, "Recognized", null, "The share of each class's videos that the network recognizes"),
    rows,
    {name: "Accuracy by class", most: 1},
  );
  if (look.evaluation?.confusion) confusion(look, section(both, "What it mixes up"));
}
