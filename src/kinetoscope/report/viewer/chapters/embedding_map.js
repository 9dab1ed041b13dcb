// @ts-check
// A map of clips, as points or as pictures: each one a link, and named where it is pointed at.

import {address} from "kinetoscope/address";
import {picture} from "kinetoscope/chapters/embedding_picture";
import {chart} from "kinetoscope/charts";
import {drawing, element} from "kinetoscope/element";

/** @typedef {import("kinetoscope/chapters/embedding").Clip} Clip */
/** @typedef {import("kinetoscope/chapters/embedding").Drawn} Drawn */
/** @typedef {import("kinetoscope/player").Track} Track */
/** @typedef {import("kinetoscope/chapters/embedding").Among & {path: string, predicted: string}} New */
/**
 * @typedef {object} Asked
 * @property {Drawn} map
 * @property {string} view  points or pictures
 * @property {string | null} label  the only one to be shown in full
 * @property {Clip[]} clips
 * @property {Track | null} pictures
 * @property {(label: string | null) => string} colours
 * @property {New[]} placed
 * @property {Track | null} placedPictures
 */

const MARGIN = 14;
const FAINT = 0.12;

/**
 * @param {Element} parent
 * @param {Asked} asked
 */
export function drawMap(parent, asked) {
  parent.replaceChildren();
  if (asked.view === "pictures" && asked.pictures) pictures(parent, asked, asked.pictures);
  else points(parent, asked);
}

/** @param {Clip} clip */
const titleOf = ({path, label, predicted}) =>
  `${path.split("/").pop()}: ${label ?? "no class"}${predicted === label ? "" : `, taken for ${predicted}`}`;

/**
 * @param {Element} parent
 * @param {Asked} asked
 */
function points(parent, asked) {
  const {map, clips, colours, label, placed} = asked;
  const all = [...map.points, ...placed.map(({point}) => point)];
  const [left, right] = extent(all.map(([x]) => x));
  const [low, high] = extent(all.map(([, y]) => y));
  const tip = element("div.tip", {style: {"pointer-events": "none", padding: "6px 8px"}});
  const frame = element("div", {style: {background: "var(--surface)", border: "1px solid var(--line)", "border-radius": "var(--round)"}});
  parent.append(frame, tip);
  chart(frame, `Clips as ${map.layer} sees them`, (width) => {
    const room = Math.min(width, 760) - 2 * MARGIN;
    const scale = Math.min(room / (right - left), (0.8 * room) / (high - low));
    const height = (high - low) * scale + 2 * MARGIN;
    const shift = (width - (right - left) * scale) / 2;
    const place = (/** @type {[number, number]} */ [x, y]) => [(x - left) * scale + shift, (high - y) * scale + MARGIN];
    const radius = Math.max(2.5, Math.min(5.5, width / 9 / Math.sqrt(clips.length)));
    const marks = clips.map((clip, i) => {
      const [cx, cy] = place(map.points[i]);
      const own = label === null || clip.label === label;
      const wrong = clip.label !== null && clip.predicted !== clip.label;
      const dot = drawing("circle", {
        cx,
        cy,
        r: radius,
        fill: colours(clip.label),
        "fill-opacity": own ? 0.85 : FAINT,
        stroke: wrong && own ? "var(--ink)" : "none",
        "stroke-width": 1.3,
        "aria-label": titleOf(clip),
      });
      return drawing("a", {href: address.clip(clip.row), on: named(tip, parent, titleOf(clip), asked.pictures, i)}, dot);
    });
    const added = placed.map((each, i) => {
      const [x, y] = place(each.point);
      const text = `${each.path.split("/").pop()}: new, taken for ${each.predicted}`;
      const size = radius + 4;
      return drawing(
        "g",
        {on: named(tip, parent, text, asked.placedPictures, i)},
        drawing("path", {
          d: `M${x},${y - size}L${x + size},${y}L${x},${y + size}L${x - size},${y}Z`,
          fill: colours(each.predicted),
          stroke: "var(--ink)",
          "stroke-width": 2,
        }),
      );
    });
    return drawing("svg", {width, height, viewBox: `0 0 ${width} ${height}`}, marks, added);
  });
  const text = "A ring: the network takes the clip for another class than it has.";
  if (clips.some((clip) => clip.label !== null && clip.predicted !== clip.label)) parent.append(element("p.note", {style: {"margin-top": "6px"}}, text));
}

/**
 * A picture and a name beside what is pointed at.
 * @param {HTMLElement} tip
 * @param {Element} parent
 * @param {string} text
 * @param {Track | null} strip
 * @param {number} place
 */
function named(tip, parent, text, strip, place) {
  const tell = (/** @type {any} */ event) => {
    const around = parent.getBoundingClientRect();
    const box = event.currentTarget.getBoundingClientRect();
    const x = box.left + box.width / 2 - around.left;
    tip.replaceChildren(...(strip ? [picture(strip, place, 96)] : []), element("div", {}, text));
    tip.style.display = "block";
    tip.style.left = `${Math.max(0, Math.min(x - 60, around.width - 200))}px`;
    tip.style.top = `${box.bottom - around.top + 8}px`;
  };
  const hide = () => (tip.style.display = "none");
  return {pointerenter: tell, focus: tell, pointerleave: hide, blur: hide};
}

/** @param {number[]} values  @returns {[number, number]} */
function extent(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return high > low ? [low, high] : [low - 1, high + 1];
}

/**
 * @param {Element} parent
 * @param {Asked} asked
 * @param {Track} strip
 */
function pictures(parent, {map, clips, colours, label}, strip) {
  parent.append(
    element(
      "div",
      {
        role: "figure",
        "aria-label": `Clips as ${map.layer} sees them, one a cell`,
        style: {display: "grid", "grid-template-columns": `repeat(${map.columns}, minmax(0, 1fr))`, gap: "2px"},
      },
      clips.map((clip, i) =>
        element(
          "a",
          {
            href: address.clip(clip.row),
            title: titleOf(clip),
            "aria-label": titleOf(clip),
            style: {
              display: "block",
              "grid-column": String((map.cells[i] % map.columns) + 1),
              "grid-row": String(Math.floor(map.cells[i] / map.columns) + 1),
              "border-bottom": `4px solid ${colours(clip.label)}`,
              opacity: label === null || clip.label === label ? "1" : String(FAINT),
            },
          },
          picture(strip, i),
        ),
      ),
    ),
  );
}
