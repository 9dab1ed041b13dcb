// @ts-check
// Stimuli: what would this like to see, in appearance and in motion, slow to fast?
//
// A row a slowness, appearance beside motion in both of the papers' drawings, and real clips beside
// them. Where there is no motion to draw, slow to fast goes across, and real clips stand below.

import {choice, element} from "kinetoscope/element";
import {flowKey} from "kinetoscope/flow_key";
import {labelOf} from "kinetoscope/look";
import {clipCells, plate} from "kinetoscope/plate";
import {chi, firsts, motionWords, paceHead, strongest} from "kinetoscope/stimuli";
import {films} from "kinetoscope/views/films";
import {whereabouts} from "kinetoscope/views/where";
import {number, paceWord} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Part} Part */
/** @typedef {import("kinetoscope/look").Stimulus} Stimulus */
/** @typedef {import("kinetoscope/look").Clip} Clip */
/** @typedef {import("kinetoscope/plate").Cell} Cell */
/** @typedef {import("kinetoscope/plate").Column} Column */
/** @typedef {{of: Clip, activation?: number | null, seconds?: number | null, place?: import("kinetoscope/player").Place | null, words?: string}} Real */

/** @type {Record<string, string>} */
const HELD = {blank: "held blank", real: "held at a real clip's", own: "held at its own optimum"};

/** Whether what did not matter is left out; kept from page to page. */
let veiled = true;

/**
 * @param {Part} part
 * @param {Element} parent
 * @param {{real: Real[], name: string}} beside  real clips that excite it, the best first
 */
export function stimulus(part, parent, {real, name}) {
  const tools = element("div.tools");
  const figure = element("div");
  const against = heldAgainst(part, real);
  if (against) parent.append(element("p.note.against", {}, against));
  parent.append(tools, figure);
  if (part.stimuli.some((each) => each.opacity))
    tools.append(
      choice(
        "Show of the stimuli",
        [
          {
            value: true,
            text: "what mattered",
            title: "Pixels that the search did not care for are let through",
          },
          {value: false, text: "all of it"},
        ],
        veiled,
        (value) => {
          veiled = value;
          fill();
        },
      ),
    );
  fill();
  parent.append(foot(part));
  films(part, parent, {name, real: real[0]?.of ?? null, veiled: () => veiled});

  function fill() {
    figure.replaceChildren();
    const moving = part.stimuli.some((each) => each.flow);
    if (moving) downward(part, figure, {real, name});
    else across(part, figure, {real, name});
  }
}

/** A row a slowness. @param {Part} part  @param {Element} parent  @param {{real: Real[], name: string}} beside */
function downward(part, parent, {real, name}) {
  const shown = firsts(part.stimuli);
  const best = strongest(shown);
  const frames = shown.some((each) => each.frames || each.held.frames);
  const streams = realStreams(part, real);
  /** @type {Column[]} */ const columns = [
    ...(frames
      ? [{title: "appearance", caption: "appearance", tone: /** @type {const} */ ("appearance")}]
      : []),
    {title: "motion, by direction", caption: "motion, by direction", tone: "motion"},
    {title: "motion, x, y, speed", caption: "motion, x, y, speed", tone: "motion"},
    ...realColumns(streams),
  ];
  const rows = shown.map((each, i) => ({
    name: `Stimulus, ${chi(each.slowness)}`,
    head: paceHead(each, {place: i, many: shown.length, best: each === best, reference: part.reference}),
    cells: [
      ...(frames ? [stimulusCell(part, each, "frames", name)] : []),
      stimulusCell(part, each, "flow", name),
      {...stimulusCell(part, each, "components", name), under: null},
      ...realCells(real[i], streams),
    ],
  }));
  plate(parent, {columns, rows, corner: shown.length > 1 ? "slow ↓ fast" : "", kind: "down"});
}

/** A column a slowness. @param {Part} part  @param {Element} parent  @param {{real: Real[], name: string}} beside */
function across(part, parent, {real, name}) {
  const shown = firsts(part.stimuli);
  const best = strongest(shown);
  const columns = shown.map((each, i) => ({
    title: paceHead(each, {place: i, many: shown.length, best: each === best, reference: part.reference}),
    caption: paceWord(i, shown.length),
  }));
  /** @type {import("kinetoscope/plate").Row[]} */ const rows = [
    {
      name: "Stimuli",
      head: element("h3.lane.appearance", {}, "appearance"),
      cells: shown.map((each) => stimulusCell(part, each, "frames", name)),
    },
  ];
  if (real.length) {
    const cells = shown.map((_, i) => realCells(real[i], ["frames"])[0]);
    const measured = real[0].activation !== undefined;
    const head = [element("h3", {}, "real clips"), measured && element("p.note", {}, "that excite it most")];
    rows.push({name: "Real clips", head, cells});
  }
  plate(parent, {columns, rows, corner: shown.length > 1 ? "slow → fast" : "", kind: "across"});
}

/**
 * A stimulus as one screen.
 * @param {Part} part
 * @param {Stimulus} each
 * @param {"frames" | "flow" | "components"} track
 * @param {string} name
 * @returns {Cell}
 */
export function stimulusCell(part, each, track, name) {
  const stream = track === "frames" ? "frames" : "flow";
  const word = {frames: "appearance", flow: "motion by direction", components: "motion by x, y, speed"}[
    track
  ];
  return {
    track: each[track],
    opacity: veiled ? each.opacity : null,
    name: `Stimulus of ${name}, ${word}, ${chi(each.slowness)}`,
    crisp: true,
    instead: HELD[each.held[stream]] ?? each.held[stream] ?? "none",
    under: motionWords(stream === "flow" ? each.flow_motion : each.frames_motion),
  };
}

/** Which streams of the real clips there are pictures of. @param {Part} part  @param {Real[]} real */
function realStreams(part, real) {
  const all = /** @type {("frames" | "flow")[]} */ (["frames", "flow"]);
  return all.filter((stream) => real.slice(0, part.stimuli.length).some(({of}) => of[stream]));
}

/** @param {("frames" | "flow")[]} streams  @returns {Column[]} */
const realColumns = (streams) =>
  streams.map((stream, i) => ({
    title: i === 0 ? element("b", {}, "real clips") : "and their motion",
    caption: stream === "frames" ? "real clip" : "its motion",
    apart: i === 0,
    real: true,
  }));

/** @param {Real | undefined} real  @param {("frames" | "flow")[]} streams */
function realCells(real, streams) {
  if (!real) return streams.map(() => null);
  const words = [
    labelOf(real.of),
    real.activation !== null && real.activation !== undefined ? number(real.activation) : null,
    real.words,
  ].filter(Boolean);
  return clipCells(real.of, {streams, place: real.place, under: words.join(" · ")});
}

/** What must be known to read the figure. @param {Part} part */
function foot(part) {
  const made = element("div.foot");
  if (part.where) made.append(whereabouts(part.where));
  if (part.full_colour) flowKey(made, part.full_colour);
  const notes = element("div.notes");
  if (part.contrast && part.contrast > 1)
    notes.append(
      element(
        "p.note",
        {},
        `Appearance is faint: drawn with ${number(part.contrast, 2)} times its contrast.`,
      ),
    );
  if (part.stimuli.some((each) => each.components))
    notes.append(
      element("p.note", {}, "By x, y, speed: red is right, green is down, blue is speed; grey is still."),
    );
  made.append(notes);
  return made;
}

/** @param {Part} part  @param {Real[]} real */
function heldAgainst({reference}, real) {
  if (reference === "made clips")
    return "There are no real clips here: this look had no catalog. Activations are held against those on made clips, moving textures and noise.";
  if (!real.length) return "No real clip with a picture stands beside: none was kept that excites it.";
  return null;
}
