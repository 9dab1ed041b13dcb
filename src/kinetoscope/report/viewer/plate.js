// @ts-check
// A plate: screens in rows and columns, as a figure of a paper. Made clips stand beside real ones.
//
// Where there is room each column has its title once, above; where there is not, each screen has
// its own and a row's screens break into several lines.

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {player} from "kinetoscope/player";

/** @typedef {import("kinetoscope/element").Child} Child */
/** @typedef {import("kinetoscope/player").Track} Track */
/**
 * @typedef {object} Column
 * @property {Child} title
 * @property {string} caption  the same in a word or two, for a screen of its own
 * @property {"appearance" | "motion"} [tone]
 * @property {boolean} [apart]  begins another group
 * @property {boolean} [real]
 */
/**
 * @typedef {object} Cell
 * @property {Track | null} [track]
 * @property {Track | null} [opacity]
 * @property {string} name  what is seen, for those who cannot
 * @property {boolean} [crisp]
 * @property {import("kinetoscope/player").Place | null} [place]
 * @property {string} [href]
 * @property {Child} [under]
 * @property {Child} [instead]  where there is no track
 */
/** @typedef {{name: string, head: Child, cells: (Cell | null)[], kind?: string}} Row */

/**
 * @param {Element} parent
 * @param {{columns: Column[], rows: Row[], corner?: Child, kind?: string}} figure
 */
export function plate(parent, {columns, rows, corner = null, kind = ""}) {
  const made = element(`div.plate${kind && `.${kind}`}`, {
    style: {
      "--columns": columns.length,
      "--made": columns.filter((each) => !each.real).length,
      "--real": columns.filter((each) => each.real).length,
      "--tracks": columns
        .map((each) => (each.apart ? "var(--apart) minmax(0, var(--cell))" : "minmax(0, var(--cell))"))
        .join(" "),
    },
  });
  const top = element(
    "div.row.top",
    {},
    element("div.corner", {}, corner),
    columns.map((each) => [
      each.apart && element("div.gap"),
      element(`div.column${each.tone ? `.${each.tone}` : ""}`, {}, each.title),
    ]),
  );
  made.append(top, ...rows.map((row) => rowOf(row, columns)));
  parent.append(made);
  return made;
}

/** @param {Row} row  @param {Column[]} columns */
const rowOf = ({name, head, cells, kind}, columns) =>
  element(
    `div.row${kind ? `.${kind}` : ""}`,
    {role: "group", "aria-label": name},
    element("div.row-head", {}, head),
    columns.map((column, i) => [column.apart && element("div.gap"), cellOf(cells[i] ?? null, column)]),
  );

/** @param {Cell | null} cell  @param {Column} column */
function cellOf(cell, column) {
  const kind = `${column.tone ? `.${column.tone}` : ""}${column.real ? ".real" : ""}`;
  if (!cell) return element(`div.cell.none${kind}`);
  const figure = element(`figure.cell${kind}`, {}, element("figcaption", {}, column.caption));
  const inside = cell.href ? element("a", {href: cell.href}) : figure;
  if (cell.track) {
    const {track, opacity, name, crisp, place} = cell;
    player(inside, track, {name, crisp, place, opacity});
  } else inside.append(element("div.missing", {}, cell.instead ?? "none"));
  if (inside !== figure) figure.append(inside);
  if (cell.under) figure.append(element("div.under", {}, cell.under));
  return figure;
}

/**
 * A real clip as screens: its appearance, its motion, or both.
 * @param {import("kinetoscope/look").Clip | null | undefined} clip
 * @param {{streams: ("frames" | "flow")[], place?: import("kinetoscope/player").Place | null, under?: Child}} options
 * @returns {(Cell | null)[]}
 */
export function clipCells(clip, {streams, place = null, under = null}) {
  return streams.map((stream, i) =>
    clip
      ? {
          track: clip[stream],
          name: `Real clip ${clip.name}, ${stream === "flow" ? "motion" : "appearance"}`,
          place,
          href: address.clip(clip.id),
          under: i === 0 ? under : null,
          instead: "no picture kept",
        }
      : null,
  );
}
