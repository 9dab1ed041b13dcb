// @ts-check
// One of many pictures that stand in one file.

import {element} from "kinetoscope/element";

/**
 * @param {import("kinetoscope/player").Track} strip
 * @param {number} place
 * @param {number | null} side  [pixels]; null for as wide as there is room
 */
export function picture(strip, place, side = null) {
  const {src, count, columns, width, height} = strip;
  const rows = Math.ceil(count / columns);
  const across = columns > 1 ? (100 * (place % columns)) / (columns - 1) : 0;
  const down = rows > 1 ? (100 * Math.floor(place / columns)) / (rows - 1) : 0;
  return element("span", {
    style: {
      display: "block",
      flex: "none",
      width: side === null ? "100%" : `${side}px`,
      "aspect-ratio": `${width} / ${height}`,
      "background-image": `url("${src}")`,
      "background-size": `${100 * columns}% ${100 * rows}%`,
      "background-position": `${across}% ${down}%`,
    },
  });
}
