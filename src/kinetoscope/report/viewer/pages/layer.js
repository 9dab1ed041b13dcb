// @ts-check
// A layer: all of its units, moving, to sort and to sift.

import {address} from "kinetoscope/address";
import {choice, element, section} from "kinetoscope/element";
import {allClips, labelName, layerNamed, look, reference, unitsOf} from "kinetoscope/look";
import {badge, masthead} from "kinetoscope/masthead";
import {unitCard} from "kinetoscope/unit_card";
import {chi, rival, strongest} from "kinetoscope/stimuli";
import {withoutSlope} from "kinetoscope/views/unmade";
import {counted, decimal, extent, number, paceWord, times} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Layer} Layer */
/** @typedef {import("kinetoscope/look").Unit} Unit */

const AT_ONCE = 96;

/** @type {Record<string, {text: string, of: (unit: Unit) => number}>} */
const ORDERS = {
  number: {text: "number", of: (unit) => -unit.channel},
  ratio: {text: "activation ratio", of: (unit) => shownOf(unit)?.ratio ?? -Infinity},
  speed: {text: "speed", of: (unit) => shownOf(unit)?.speed ?? -Infinity},
  selectivity: {text: "selectivity", of: (unit) => unit.selectivity ?? -Infinity},
  activation: {text: "activation in real clips", of: (unit) => unit.best_real ?? -Infinity},
  path: {text: "suspicious path first", of: (unit) => (shownOf(unit)?.suspicious ? 1 : 0)},
  dead: {text: "dead first", of: (unit) => (unit.dead ? 1 : 0)},
};

/**
 * Kept from layer to layer.
 * @type {{order: string, text: string, slowness: number, stream: "both" | "frames" | "flow", dense: boolean}}
 */
const wanted = {order: "ratio", text: "", slowness: -1, stream: "both", dense: false};

/** The stimulus of the slowness that is asked for, else the strongest. @param {Unit} unit */
const shownOf = (unit) => unit.stimuli[wanted.slowness] ?? strongest(unit.stimuli);

/**
 * @param {import("kinetoscope/address").Address} address_
 * @param {Element} parent
 */
export async function layer({name}, parent) {
  const found = layerNamed(name);
  if (!found) throw new Error(`unknown layer: ${name}`);
  const place = look.layers.indexOf(found);
  const beside = (/** @type {Layer | undefined} */ other) =>
    other ? {href: address.layer(other.name), text: other.name} : null;
  masthead(parent, {
    trail: [
      {href: address.overview(), text: look.network.name},
      {href: address.layers(), text: "Layers"},
    ],
    kind: "layer",
    title: name,
    lead: lead(found),
    badges: [
      badge(found.lane === "both" ? "appearance and motion" : found.lane, found.lane),
      found.dead > 0 && badge(`${found.dead} dead`, "dead", "no clip of the scan excites them"),
      found.suspicious > 0 &&
        badge(
          `${found.suspicious} with a suspicious path`,
          "bad",
          "Their best stimuli drive earlier layers otherwise than the real clips that excite them do.",
        ),
      !found.sloped && badge("no slope", "", "It chooses, in steps: no gradient leads back from it."),
    ],
    previous: beside(look.layers[place - 1]),
    next: beside(look.layers[place + 1]),
  });
  const units = await unitsOf(found);
  const clips = await allClips();
  if (!found.sloped) section(parent, "Stimuli").append(withoutSlope());
  if (units.length) grid(section(parent, "Units"), units, clips);
  else
    section(parent, "Units").append(
      element("p.quiet", {}, "This look did not look at the units of this layer."),
    );
}

/** @param {Layer} layer */
function lead({kind, channels, shape, receptive_field, stride, ratio, selectivity}) {
  const output =
    shape && shape.length === 4
      ? `, each answering at ${shape[1]} × ${shape[2]} × ${shape[3]} places (frames × rows × columns)`
      : "";
  const sees = receptive_field
    ? ` One answer sees ${extent(receptive_field)} of the clip, the next is ${extent(stride)} further.`
    : "";
  const measured =
    ratio === null ? "" : ` The middle unit's best stimulus reaches ${times(ratio)} its ${rival(reference)}.`;
  const keen = selectivity === null ? "" : ` The middle selectivity is ${decimal(selectivity)}.`;
  return `${kind}, ${counted(channels, "unit")}${output}.${sees}${measured}${keen}`;
}

/** @param {HTMLElement} parent  @param {Unit[]} units  @param {import("kinetoscope/look").Clip[]} clips */
function grid(parent, units, clips) {
  const cards = element("div.unit-grid");
  const more = element("button.more", {type: "button", on: {click: () => show(Infinity)}}, "Show all");
  const said = element("p.quiet", {"aria-live": "polite"});
  parent.append(
    tools(units, () => show(AT_ONCE)),
    said,
    cards,
    more,
  );
  show(AT_ONCE);

  /** @param {number} most */
  function show(most) {
    const sifted = sift(units);
    said.textContent =
      sifted.length === units.length ? "" : `${counted(sifted.length, "unit")} of ${units.length}`;
    cards.classList.toggle("dense", wanted.dense);
    cards.replaceChildren(...sifted.slice(0, most).map((unit) => card(unit, clips)));
    more.hidden = sifted.length <= most;
  }
}

/** @param {Unit[]} units */
function sift(units) {
  const text = wanted.text.trim().toLowerCase();
  const kept = units.filter(
    (unit) =>
      !text ||
      String(unit.channel) === text ||
      (unit.preferred !== null && labelName(unit.preferred).toLowerCase().includes(text)) ||
      (text === "dead" && unit.dead),
  );
  const {of} = ORDERS[wanted.order];
  return kept.sort((a, b) => of(b) - of(a) || a.channel - b.channel);
}

/** @param {Unit[]} units  @param {() => void} change */
function tools(units, change) {
  const set = (/** @type {Partial<typeof wanted>} */ part) => {
    Object.assign(wanted, part);
    change();
  };
  const slownesses = units.find((unit) => unit.stimuli.length)?.stimuli.map((each) => each.slowness) ?? [];
  const both = units.some((unit) => unit.stimuli.some((each) => each.frames && each.flow));
  return element(
    "div.tools",
    {},
    element(
      "label",
      {},
      "Sort by ",
      element(
        "select",
        {on: {change: (/** @type {any} */ event) => set({order: event.target.value})}},
        Object.entries(ORDERS).map(([key, {text}]) =>
          element("option", {value: key, selected: key === wanted.order}, text),
        ),
      ),
    ),
    element(
      "label",
      {},
      "Show only ",
      element("input", {
        type: "search",
        value: wanted.text,
        placeholder: "number, class or “dead”",
        on: {input: (/** @type {any} */ event) => set({text: event.target.value})},
      }),
    ),
    both &&
      choice(
        "Streams",
        /** @type {{value: typeof wanted.stream, text: string}[]} */ ([
          {value: "both", text: "both"},
          {value: "frames", text: "appearance"},
          {value: "flow", text: "motion"},
        ]),
        wanted.stream,
        (stream) => set({stream}),
      ),
    slownesses.length > 1 &&
      choice(
        "Slowness",
        [
          {value: -1, text: "strongest"},
          ...slownesses.map((slowness, value) => ({
            value,
            text: paceWord(value, slownesses.length) || chi(slowness),
            title: chi(slowness),
          })),
        ],
        wanted.slowness < slownesses.length ? wanted.slowness : -1,
        (slowness) => set({slowness}),
      ),
    choice(
      "Show as",
      [
        {value: false, text: "cards"},
        {value: true, text: "mosaic", title: "Pictures only, close together"},
      ],
      wanted.dense,
      (dense) => set({dense}),
    ),
  );
}

/** @param {Unit} unit  @param {import("kinetoscope/look").Clip[]} clips */
function card(unit, clips) {
  const shown = shownOf(unit);
  return unitCard(
    unit,
    [
      shown &&
        element(
          "span.ratio",
          {title: `its activation over that of the ${rival(reference)}`},
          wanted.order === "speed" ? `${number(shown.speed, 2)} px/fr` : times(shown.ratio),
        ),
      unit.dead
        ? element("span.quiet", {}, "dead")
        : unit.preferred !== null &&
          element(
            "span.quiet",
            {title: `selectivity ${decimal(unit.selectivity)}`},
            labelName(unit.preferred),
          ),
    ],
    clips,
    wanted,
  );
}
