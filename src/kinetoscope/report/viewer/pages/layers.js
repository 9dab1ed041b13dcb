// @ts-check
// Layers: what does each layer answer, and what is known of its units?

import {address} from "kinetoscope/address";
import {element, section} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {masthead} from "kinetoscope/masthead";
import {network} from "kinetoscope/views/network";
import {count, decimal, extent, times} from "kinetoscope/words";

/**
 * @param {import("kinetoscope/address").Address} _
 * @param {Element} parent
 */
export function layers(_, parent) {
  masthead(parent, {
    trail: [{href: address.overview(), text: look.network.name}],
    kind: "Layers",
    title: "Layers",
  });
  network(look, section(parent, "Architecture"));
  const heads = [
    "layer",
    "kind",
    "units",
    "output",
    "one unit sees",
    "step",
    "stimuli",
    "dead",
    "ratio",
    "selectivity",
  ];
  section(parent, "Measured").append(
    element(
      "div.scroll",
      {tabindex: 0, role: "region", "aria-label": "Layers as a table"},
      element(
        "table",
        {},
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            heads.map((head, i) => element(i > 5 || i === 2 ? "th.number" : "th", {scope: "col"}, head)),
          ),
        ),
        element("tbody", {}, look.layers.map(row)),
      ),
    ),
  );
}

/** @param {import("kinetoscope/look").Layer} layer */
function row(layer) {
  return element(
    "tr",
    {},
    element(
      "th",
      {scope: "row"},
      element("i.dot", {class: `dot ${layer.lane}`}),
      element("a", {href: address.layer(layer.name)}, layer.name),
    ),
    element("td", {}, layer.kind),
    element("td.number", {}, count(layer.channels)),
    element("td", {}, layer.shape ? layer.shape.slice(1).join(" × ") || "–" : "–"),
    element("td", {}, extent(layer.receptive_field)),
    element("td", {}, extent(layer.stride)),
    element("td.number", {}, layer.stimuli ? count(layer.stimuli) : layer.sloped ? "–" : "no slope"),
    element("td.number", {}, layer.scanned ? count(layer.dead) : "–"),
    element("td.number", {}, times(layer.ratio)),
    element("td.number", {}, decimal(layer.selectivity)),
  );
}
