// @ts-check
// Classes: how well is each told from the others?

import {address} from "kinetoscope/address";
import {bars} from "kinetoscope/charts";
import {element, section} from "kinetoscope/element";
import {allClips, labelStimuli, look} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";
import {confusion} from "kinetoscope/views/evaluation";
import {labelsPlate} from "kinetoscope/views/labels_plate";
import {count, percent} from "kinetoscope/words";

const AT_ONCE = 12;

/**
 * @param {import("kinetoscope/address").Address} _
 * @param {Element} parent
 */
export async function labels(_, parent) {
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
  const made = (await labelStimuli()).map((found, place) => ({found, place}));
  const told = made.filter(({found}) => found.stimuli.length);
  if (told.length) {
    const body = section(
      parent,
      "What each looks like to the network",
      null,
      "Stimuli of each class's score before softmax, and real clips of the class beside",
    );
    labelsPlate(body, told.slice(0, AT_ONCE), await allClips());
    if (told.length > AT_ONCE) {
      const more = element(
        "button.more",
        {type: "button", on: {click: all}},
        `Show all ${count(told.length)}`,
      );
      body.append(more);
    }
    async function all() {
      body.replaceChildren();
      labelsPlate(body, told, await allClips());
    }
  }
  const both = element("div.split");
  parent.append(both);
  bars(
    section(both, "Recognized", null, "The share of each class's videos that the network recognizes"),
    rows,
    {name: "Accuracy by class", most: 1},
  );
  if (look.evaluation?.confusion) confusion(look, section(both, "What it mixes up"));
}
