// @ts-check
// An objective: whatever stimuli were made for, a unit, a label, a sum or a difference of them.

import {address} from "kinetoscope/address";
import {section} from "kinetoscope/element";
import {look, stimuliAt} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";
import {hasHistory, histories} from "kinetoscope/views/history";
import {objective as told} from "kinetoscope/views/objective";

/**
 * @param {import("kinetoscope/address").Address} asked
 * @param {Element} parent
 */
export async function objective({name}, parent) {
  const place = look.objectives.findIndex((each) => each.objective === name);
  if (place < 0) throw new Error(`unknown objective: ${name}`);
  const beside = (/** @type {import("kinetoscope/look").Link | undefined} */ other) =>
    other ? {href: address.objective(other.objective), text: other.objective} : null;
  masthead(parent, {
    trail: [{href: address.overview(), text: look.network.name}],
    kind: "objective",
    title: name,
    lead: "What is asked for is a weighted sum: of channels, of neurons (layer:channel@place), and of classes' scores.",
    previous: beside(look.objectives[place - 1]),
    next: beside(look.objectives[place + 1]),
  });
  const part = await stimuliAt(look.objectives[place].told);
  told(part, parent, {title: "What would excite it most", name, real: []});
  if (!hasHistory(part)) return;
  const body = section(parent, "How the stimuli were found");
  body.classList.add("histories");
  histories(part, body);
}
