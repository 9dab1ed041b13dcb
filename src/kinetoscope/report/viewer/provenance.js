// @ts-check
// Provenance: from which network, clips, settings and versions does each piece of evidence come?

import {element} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {counted} from "kinetoscope/words";

/** @param {Element} parent */
export function provenance(parent) {
  if (look.failures.length) {
    parent.append(
      element(
        "details.failures",
        {},
        element(
          "summary",
          {},
          `${counted(look.failures.length, "video")} could not be read and ${look.failures.length === 1 ? "is" : "are"} left out`,
        ),
        element(
          "ul",
          {},
          look.failures.map(({where, error}) =>
            element("li", {}, element("code", {}, where), element("pre", {}, error)),
          ),
        ),
      ),
    );
  }
  for (const {kind, folder, provenance: from} of look.provenance) {
    parent.append(
      element(
        "details",
        {},
        element("summary", {}, element("b", {}, kind), " ", element("code", {}, folder)),
        facts(from),
      ),
    );
  }
}

/** @param {Record<string, any>} values  @returns {HTMLElement} */
function facts(values) {
  return element(
    "dl.facts",
    {},
    Object.entries(values)
      .filter(([, value]) => value !== null && value !== "")
      .map(([key, value]) =>
        element(
          "div",
          {},
          element("dt", {}, key.replaceAll("_", " ")),
          element(
            "dd",
            {},
            typeof value === "object" ? (Object.keys(value).length ? facts(value) : "none") : String(value),
          ),
        ),
      ),
  );
}
