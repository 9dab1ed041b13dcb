// @ts-check
// What was not made: which objectives failed, which were left, which layers can't be asked?

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {count, counted} from "kinetoscope/words";

const FIRST = 12;

export const withoutSlope = () =>
  element(
    "p.quiet",
    {},
    "No stimulus can be made for the units of this layer. It chooses: its answers are steps, so no gradient leads back from them to the clip. The layers before it, which it chooses by, have stimuli.",
  );

/** Whether anything is to be said. */
export const anyUnmade = () =>
  Boolean(look.maximization?.failures.length || look.maximization?.left.length) ||
  look.layers.some((layer) => !layer.sloped);

/** @param {Element} parent */
export function unmade(parent) {
  const {failures = [], left = []} = look.maximization ?? {};
  const flat = look.layers.filter((layer) => !layer.sloped);
  if (failures.length)
    part(
      parent,
      `${counted(failures.length, "objective")} failed`,
      "The others went on.",
      failures.map(({objective, reason}) => [
        element("code", {}, objective),
        " ",
        element("span.quiet", {}, reason),
      ]),
    );
  if (left.length)
    part(
      parent,
      `${count(left.length)} left for lack of time`,
      "The most important units come first; asking again goes on with these.",
      left.map((objective) => element("code", {}, objective)),
    );
  if (flat.length)
    part(
      parent,
      `${counted(flat.length, "layer")} without stimuli`,
      "A layer that chooses answers in steps: no gradient leads back from it to the clip.",
      flat.map(({name}) => element("a", {href: address.layer(name)}, name)),
    );
}

/**
 * @param {Element} parent
 * @param {string} title
 * @param {string} why
 * @param {import("kinetoscope/element").Child[]} items
 */
function part(parent, title, why, items) {
  const list = element(
    "ul.unmade",
    {},
    items.slice(0, FIRST).map((item) => element("li", {}, item)),
  );
  const rest = items.slice(FIRST);
  parent.append(
    element(
      "div",
      {},
      element("h3", {}, title),
      element("p.note", {}, why),
      list,
      rest.length > 0 &&
        element(
          "details",
          {},
          element("summary", {}, `${count(rest.length)} more`),
          element(
            "ul.unmade",
            {},
            rest.map((item) => element("li", {}, item)),
          ),
        ),
    ),
  );
}
