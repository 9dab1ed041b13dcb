// @ts-check
// Stimuli: what would this unit like to see, in appearance and in motion, slow to fast?

import {choice, element} from "kinetoscope/element";
import {chart, Plot} from "kinetoscope/charts";
import {flowKey} from "kinetoscope/flow_key";
import {filmstrip, player} from "kinetoscope/player";
import {number, paceWord, times} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Unit} Unit */
/** @typedef {import("kinetoscope/look").Stimulus} Stimulus */

/** How flow is drawn; kept from unit to unit. @type {"flow" | "components"} */
let drawn = "flow";

/** @param {number | null} slowness */
export const chi = (slowness) => `χ = ${number(slowness)}`;

/** @param {Stimulus[]} stimuli  @returns {Stimulus | undefined} the one that excites most */
export const strongest = (stimuli) =>
  stimuli.reduce(
    (/** @type {Stimulus | undefined} */ best, each) =>
      (each.activation ?? -Infinity) > (best?.activation ?? -Infinity) ? each : (best ?? each),
    undefined,
  );

/**
 * @param {Unit} unit
 * @param {Element} parent
 */
export function stimulus(unit, parent) {
  const {stimuli} = unit;
  const best = strongest(stimuli);
  const grid = element("div.stimuli", {style: {"--columns": stimuli.length}});
  const film = element("div.films");
  parent.append(grid, film);
  heads(grid, stimuli, best);
  if (stimuli.some((each) => each.frames)) {
    const label = row(grid, unit, "appearance", (each) => each.frames);
    if (unit.contrast && unit.contrast > 1) {
      label.append(
        element("p.note", {}, `Faint: drawn with ${number(unit.contrast, 2)} times its contrast.`),
      );
    }
  }
  if (stimuli.some((each) => each.flow)) {
    const label = row(grid, unit, "motion", (each) => each[drawn]);
    label.append(
      choice(
        "Draw motion by",
        [
          {value: "flow", text: "direction", title: "Hue is direction, saturation is speed"},
          {
            value: "components",
            text: "x, y, speed",
            title: "Red is right, green is down, blue is speed; grey is still",
          },
        ],
        drawn,
        redraw,
      ),
    );
    flowKey(label, unit.full_colour);
  }
  if (best) films(film, unit, best);

  /** @param {any} way */
  function redraw(way) {
    drawn = way;
    stimuli.forEach((each, i) => {
      const cell = grid.querySelector(`.cell.motion[data-place="${i}"]`);
      if (!cell || !each[drawn]) return;
      cell.replaceChildren();
      show(cell, unit, "motion", each, each[drawn]);
    });
    if (best) films(film, unit, best);
  }
}

/** @param {Element} grid  @param {Stimulus[]} stimuli  @param {Stimulus | undefined} best */
function heads(grid, stimuli, best) {
  grid.append(element("div.corner", {}, stimuli.length > 1 ? "slow → fast" : ""));
  stimuli.forEach((each, i) => {
    const pace = paceWord(i, stimuli.length);
    grid.append(
      element(
        `div.head${each === best ? ".best" : ""}`,
        {},
        element("span.pace", {}, pace),
        element("span.chi", {title: "How strongly change in time was held down"}, chi(each.slowness)),
        element(
          "span.ratio",
          {title: `activation ${number(each.activation)}`},
          each.ratio === null
            ? `activation ${number(each.activation)}`
            : `${times(each.ratio)} best real clip`,
          each === best && stimuli.length > 1 && element("b", {}, " · strongest"),
        ),
      ),
    );
  });
}

/**
 * @param {Element} grid
 * @param {Unit} unit
 * @param {"appearance" | "motion"} stream
 * @param {(each: Stimulus) => import("kinetoscope/player").Track | null} track
 * @returns {HTMLElement} the row's label
 */
function row(grid, unit, stream, track) {
  const label = element(`div.lane.${stream}`, {}, element("h3", {}, stream));
  grid.append(label);
  unit.stimuli.forEach((each, i) => {
    const cell = element(`div.cell.${stream}`, {"data-place": i});
    grid.append(cell);
    show(cell, unit, stream, each, track(each));
  });
  return label;
}

/**
 * @param {Element} cell
 * @param {Unit} unit
 * @param {string} stream
 * @param {Stimulus} each
 * @param {import("kinetoscope/player").Track | null} track
 */
function show(cell, unit, stream, each, track) {
  if (track)
    player(cell, track, {name: `Stimulus of ${unit.unit}, ${stream}, ${chi(each.slowness)}`, crisp: true});
  else cell.append(element("span.missing", {}, "none"));
  motion(cell, stream === "motion" ? each.flow_motion : each.frames_motion);
}

/** The motion that was measured in a stimulus. @param {Element} cell  @param {import("kinetoscope/look").Motion | null} measured */
function motion(cell, measured) {
  if (!measured) return;
  const speed = Math.hypot(measured.right, measured.down);
  const turn = Math.atan2(measured.down, measured.right);
  cell.append(
    element(
      "p.motion-measured",
      {title: "the motion measured in all of it together"},
      speed < 0.05
        ? "no motion as a whole"
        : [
            element("i", {"aria-hidden": "true", style: {rotate: `${turn}rad`}}, "→"),
            `${number(speed, 2)} px per frame, ${Math.round(((-turn * 180) / Math.PI + 360) % 360)}°`,
          ],
    ),
  );
}

/** @param {HTMLElement} parent  @param {Unit} unit  @param {Stimulus} best */
function films(parent, unit, best) {
  const name = `Stimulus of ${unit.unit}, ${chi(best.slowness)}`;
  parent.replaceChildren(
    element("p.note", {}, `Frame by frame, the stimulus that excites most (${chi(best.slowness)})`),
  );
  if (best.frames) filmstrip(parent, best.frames, {name: `${name}, appearance`, crisp: true});
  if (best.flow) filmstrip(parent, best[drawn] ?? best.flow, {name: `${name}, motion`, crisp: true});
}

/**
 * How the search for each stimulus went.
 * @param {Unit} unit
 * @param {Element} parent
 */
export function histories(unit, parent) {
  const named = [...new Set(unit.stimuli.flatMap((each) => Object.keys(each.history)))].filter(
    (name) => name !== "step",
  );
  parent.append(
    element(
      "p.legend",
      {},
      unit.stimuli.map((each, i) => [
        element("i", {style: {background: paceColours(unit.stimuli.length)[i]}}),
        chi(each.slowness),
      ]),
    ),
  );
  for (const name of named) {
    const points = unit.stimuli.flatMap(({slowness, history}) =>
      (history[name] ?? []).map((value, i) => ({
        step: history.step?.[i] ?? i,
        value,
        slowness: chi(slowness),
      })),
    );
    const figure = element("figure", {}, element("figcaption", {}, termName(name)));
    parent.append(figure);
    chart(figure, `${name} at each step`, (width) =>
      Plot.plot({
        width,
        height: 150,
        marginLeft: 54,
        marginBottom: 28,
        marginTop: 10,
        x: {label: "step", ticks: 4},
        y: {label: null, ticks: 4, grid: true},
        color: {
          domain: unit.stimuli.map((each) => chi(each.slowness)),
          range: paceColours(unit.stimuli.length),
        },
        marks: [Plot.lineY(points, {x: "step", y: "value", stroke: "slowness", strokeWidth: 1.5})],
      }),
    );
  }
}

/** @param {number} many  from slow to fast */
export const paceColours = (many) =>
  Array.from(
    {length: many},
    (_, i) => `color-mix(in oklab, var(--slow), var(--fast) ${many > 1 ? (100 * i) / (many - 1) : 0}%)`,
  );

/** A term of the objective. @param {string} name */
const termName = (name) =>
  name
    .replace(/^frames[_ ]/, "appearance, ")
    .replace(/^flow[_ ]/, "motion, ")
    .replaceAll("_", " ");
