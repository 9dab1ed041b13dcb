// @ts-check
// Polar drawings: what is answered in each direction, and how many units prefer each?
//
// Directions run counter-clockwise from right, as everywhere.

import {drawing} from "kinetoscope/element";

/** @param {number} angle  degrees  @param {number} radius */
const at = (angle, radius) => [
  radius * Math.cos((angle * Math.PI) / 180),
  -radius * Math.sin((angle * Math.PI) / 180),
];

/** @param {number[]} radii  @param {number[]} angles */
const outline = (radii, angles) =>
  `M${radii.map((radius, i) => at(angles[i], radius).map((each) => each.toFixed(2)).join(",")).join("L")}Z`;

/**
 * @param {number} size
 * @param {string} name
 * @param {number} room  around the outer ring, of 1
 */
function frame(size, name, room) {
  const reach = 1 + room;
  const picture = drawing("svg", {
    width: size,
    height: size,
    viewBox: `${-reach} ${-reach} ${2 * reach} ${2 * reach}`,
    role: "img",
    "aria-label": name,
    style: {display: "block", "max-width": "100%", overflow: "visible"},
  });
  const line = {fill: "none", stroke: "var(--line-2)", "stroke-width": 0.012 * (1 + 60 / size)};
  for (const r of [0.5, 1]) picture.append(drawing("circle", {r, ...line}));
  picture.append(drawing("path", {d: "M-1,0H1M0,-1V1", ...line}));
  return picture;
}

/**
 * One unit's answers as an outline.
 * @param {number[]} curve  in hundredths
 * @param {number[]} angles  degrees
 * @param {{size: number, name: string, spread?: number[], words?: boolean}} options
 */
export function turn(curve, angles, {size, name, spread, words}) {
  const picture = frame(size, name, words ? 0.28 : 0.06);
  const radii = curve.map((each) => each / 100);
  if (spread) {
    const band = [1, -1].map((sign) =>
      outline(radii.map((radius, i) => Math.max(0, Math.min(1.25, radius + (sign * spread[i]) / 100))), angles),
    );
    picture.append(
      drawing("path", {d: band.join(""), fill: "var(--motion)", "fill-opacity": 0.2, "fill-rule": "evenodd"}),
    );
  }
  picture.append(
    drawing("path", {
      d: outline(radii, angles),
      fill: "var(--motion)",
      "fill-opacity": spread ? 0.08 : 0.25,
      stroke: "var(--motion)",
      "stroke-width": 0.02 * (1 + 60 / size),
      "stroke-linejoin": "round",
    }),
  );
  if (words) {
    for (const [text, angle] of /** @type {[string, number][]} */ ([["0°", 0], ["90°", 90], ["180°", 180], ["270°", 270]])) {
      const [x, y] = at(angle, 1.15);
      picture.append(
        drawing("text", {x, y, "font-size": 0.13, fill: "var(--ink-2)", "text-anchor": "middle", "dominant-baseline": "central"}, text),
      );
    }
  }
  return picture;
}

/**
 * How many units prefer each direction, as wedges whose area is the count.
 * @param {number[]} counts  spread evenly from 0 degrees on
 * @param {number} size
 */
export function rose(counts, size) {
  const most = Math.max(1, ...counts);
  const picture = frame(size, `Preferred directions: ${counts.join(", ")} units`, 0.06);
  const half = 180 / counts.length - 1;
  counts.forEach((many, i) => {
    if (!many) return;
    const radius = Math.sqrt(many / most);
    const angle = (360 * i) / counts.length;
    const [from, to] = [at(angle - half, radius), at(angle + half, radius)];
    picture.append(
      drawing(
        "path",
        {
          d: `M0,0L${from.join(",")}A${radius},${radius} 0 0 0 ${to.join(",")}Z`,
          fill: "var(--motion)",
          "fill-opacity": 0.65,
        },
        drawing("title", {}, `${angle}°: ${many}`),
      ),
    );
  });
  return picture;
}
