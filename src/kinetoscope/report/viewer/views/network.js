// @ts-check
// The network: which layers does it have, where do appearance and motion join, what is in each?

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {reference} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {rival} from "kinetoscope/stimuli";
import {counted, times} from "kinetoscope/words";

const FACES = 4;
const IN_LINE = 3;

/** @typedef {import("kinetoscope/look").Look} Look */
/** @typedef {import("kinetoscope/look").Layer} Layer */

/**
 * Two lanes where the network has two, joined where it joins them.
 * @param {Look} look
 * @param {Element} parent
 */
export function network({layers}, parent) {
  const any = layers.some((layer) => layer.stimuli > 0);
  /** Layers that show nothing are folded. @param {Layer} layer */
  const quiet = (layer) => (any ? !layer.stimuli : !layer.scanned);
  /** @param {Layer["lane"]} which  @param {string} title */
  const track = (which, title) => {
    const own = layers.filter((layer) => layer.lane === which);
    if (!own.length) return null;
    return element(
      `div.track.${which}`,
      {},
      element("h3", {}, title),
      element("ol.lane", {"aria-label": title}, folded(own, quiet)),
    );
  };
  const [appearance, motion] = [track("appearance", "appearance"), track("motion", "motion")];
  const two = Boolean(appearance || motion);
  parent.append(
    element(
      `div.network${two ? ".two" : ""}`,
      {tabindex: 0, role: "group", "aria-label": "Architecture"},
      two && [element("div.lanes", {}, appearance, motion), element("div.join", {"aria-hidden": "true"})],
      track("both", two ? "both" : "layers"),
    ),
  );
}

/**
 * Layers in order; of those that show nothing, a few stand in line and more are stacked.
 * @param {Layer[]} layers
 * @param {(layer: Layer) => boolean} quiet
 */
function folded(layers, quiet) {
  /** @type {HTMLElement[]} */ const made = [];
  for (let at = 0; at < layers.length; at++) {
    if (!quiet(layers[at])) {
      made.push(node(layers[at]));
      continue;
    }
    const from = at;
    while (at + 1 < layers.length && quiet(layers[at + 1])) at++;
    const run = layers.slice(from, at + 1).map(pill);
    if (run.length > IN_LINE) made.push(element("li.folded", {}, run));
    else made.push(...run.map((each) => element("li.folded", {}, each)));
  }
  return made;
}

/** @param {Layer} layer */
const pill = ({name, kind, channels}) =>
  element(
    "a",
    {href: address.layer(name), title: `${name}: ${kind}, ${counted(channels, "unit")}`},
    shortName(name),
  );

/** @param {Layer} layer */
function node(layer) {
  const faces = element("span.faces");
  for (const {track, unit, opacity} of facesOf(layer)) {
    player(faces, track, {name: `What ${unit} likes to see`, crisp: true, opacity});
  }
  const size =
    layer.shape && layer.shape.length === 4
      ? `${layer.shape[1]} × ${layer.shape[2]} × ${layer.shape[3]}`
      : "";
  return element(
    "li",
    {},
    element(
      "a.node",
      {href: address.layer(layer.name)},
      faces,
      element("span.name", {}, shortName(layer.name)),
      element(
        "span.quiet",
        {},
        counted(layer.channels, "unit"),
        size && element("span.size", {title: "frames × rows × columns of its output"}, size),
      ),
      element(
        "span.marks",
        {},
        layer.dead > 0 && element("span.badge.dead", {}, `${layer.dead} dead`),
        layer.ratio !== null &&
          element(
            "span.badge",
            {title: `median activation of its best stimuli over the ${rival(reference)}`},
            times(layer.ratio),
          ),
      ),
    ),
  );
}

/**
 * Four pictures to know it by: four units, or two in appearance and in motion.
 * @param {Layer} layer
 */
function facesOf({lane, sprites}) {
  const streams = /** @type {const} */ ({appearance: ["frames"], motion: ["flow"], both: ["frames", "flow"]})[
    lane
  ];
  const found = sprites.flatMap((sprite) => {
    const wanted = streams.map((stream) => sprite[stream]).filter((track) => track !== null);
    const tracks = wanted.length ? wanted : [sprite.frames ?? sprite.flow];
    return tracks.flatMap((track) => (track ? [{track, unit: sprite.unit, opacity: sprite.opacity}] : []));
  });
  return found.slice(0, FACES);
}

/** @param {string} name  without the lane, which is written already */
const shortName = (name) => name.replace(/^(appearance|motion)\./, "");
