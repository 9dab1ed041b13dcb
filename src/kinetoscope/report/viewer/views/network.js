// @ts-check
// The network: which layers does it have, where do appearance and motion join, what is in each?

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {player} from "kinetoscope/player";
import {counted, times} from "kinetoscope/words";

const FACES = 4;

/** @typedef {import("kinetoscope/look").Look} Look */
/** @typedef {import("kinetoscope/look").Layer} Layer */

/**
 * Two lanes where the network has two, joined where it joins them. Layers that were not looked at
 * are folded.
 * @param {Look} look
 * @param {Element} parent
 */
export function network(look, parent) {
  const lanes = {appearance: lane(look, "appearance"), motion: lane(look, "motion")};
  const joined = look.layers.filter((layer) => layer.lane === "both");
  const both = element(
    "ol.lane.both",
    {"aria-label": lanes.motion.length ? "joined" : "layers"},
    folded(joined),
  );
  const before = lanes.appearance.length + lanes.motion.length > 0;
  parent.append(
    element(
      `div.network${before ? ".two" : ""}`,
      {tabindex: 0, role: "group", "aria-label": "Architecture"},
      before &&
        element(
          "div.lanes",
          {},
          lanes.appearance.length > 0 &&
            element(
              "div.track.appearance",
              {},
              element("h3", {}, "appearance"),
              element("ol.lane", {}, folded(lanes.appearance)),
            ),
          lanes.motion.length > 0 &&
            element(
              "div.track.motion",
              {},
              element("h3", {}, "motion"),
              element("ol.lane", {}, folded(lanes.motion)),
            ),
        ),
      before && element("div.join", {"aria-hidden": "true"}),
      joined.length > 0 && element("div.track.both", {}, element("h3", {}, before ? "both" : "layers"), both),
    ),
  );
}

/** @param {Look} look  @param {"appearance" | "motion"} which */
const lane = (look, which) => look.layers.filter((layer) => layer.lane === which);

/** @param {Layer[]} layers */
function folded(layers) {
  /** @type {Layer[]} */ let quiet = [];
  /** @type {any[]} */ const made = [];
  const fold = () => {
    if (quiet.length)
      made.push(
        element(
          "li.folded",
          {},
          quiet.map(({name, kind}) =>
            element(
              "a",
              {href: address.layer(name), title: `${name} (${kind})`},
              element("span", {}, shortName(name)),
            ),
          ),
        ),
      );
    quiet = [];
  };
  for (const layer of layers) {
    if (!layer.scanned && !layer.stimuli) {
      quiet.push(layer);
      continue;
    }
    fold();
    made.push(node(layer));
  }
  fold();
  return made;
}

/** @param {Layer} layer */
function node(layer) {
  const faces = element("span.faces");
  for (const {track, unit} of facesOf(layer)) {
    player(faces, track, {name: `What ${unit} likes to see`, crisp: true});
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
            {title: "median activation of its best stimuli over the best real clip"},
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
    return tracks.flatMap((track) => (track ? [{track, unit: sprite.unit}] : []));
  });
  return found.slice(0, FACES);
}

/** @param {string} name  without the lane, which is written already */
const shortName = (name) => name.replace(/^(appearance|motion)\./, "");
