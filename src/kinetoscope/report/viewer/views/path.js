// @ts-check
// Paths: do stimuli drive the layers before the unit as real clips do that excite it?
//
// Source: Geirhos et al., ICML 2024: 1 is how alike real clips of a unit are, 0 those of others.

import {chart, Plot} from "kinetoscope/charts";
import {chi, firsts, paceColours} from "kinetoscope/stimuli";
import {number} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Part} Part */

/** @param {Part} part */
export const hasPath = ({stimuli}) => stimuli.some(({measures}) => Object.keys(measures.path).length > 0);

/**
 * Layer by layer, how alike they are driven as by real clips.
 * @param {Part} part
 * @param {Element} parent
 */
export function path(part, parent) {
  const shown = firsts(part.stimuli);
  const colours = paceColours(shown.length);
  const layers = [...new Set(shown.flatMap(({measures}) => Object.keys(measures.path)))];
  const points = shown.flatMap(({slowness, measures}, i) =>
    Object.entries(measures.path).map(([layer, value]) => ({
      layer,
      value,
      slowness: chi(slowness),
      colour: colours[i],
    })),
  );
  const least = Math.min(-0.1, ...points.map(({value}) => value));
  chart(parent, `Path similarity by layer: ${spoken(points)}`, (width) =>
    Plot.plot({
      width: Math.min(width, 620),
      height: 210,
      marginLeft: 36,
      marginTop: 12,
      marginRight: 104,
      marginBottom: 44,
      x: {
        domain: layers,
        label: null,
        type: "point",
        tickSize: 0,
        tickFormat: shortName(width / Math.max(1, layers.length)),
        padding: 0.3,
      },
      y: {
        domain: [least, Math.max(1.05, ...points.map(({value}) => value))],
        label: null,
        ticks: 4,
        grid: true,
      },
      marks: [
        Plot.ruleY([0, 1], {stroke: "var(--grey)", strokeDasharray: "3 4"}),
        Plot.text(
          [
            {y: 1, text: "as real clips do"},
            {y: 0, text: "as other clips do"},
          ],
          {
            y: "y",
            text: "text",
            frameAnchor: "right",
            textAnchor: "start",
            dx: 6,
            fill: "var(--ink-2)",
            clip: false,
          },
        ),
        Plot.line(points, {x: "layer", y: "value", z: "slowness", stroke: "colour", strokeWidth: 1.5}),
        Plot.dot(points, {
          x: "layer",
          y: "value",
          fill: "colour",
          r: 3.5,
          title: (/** @type {any} */ each) => `${each.layer}, ${each.slowness}: ${number(each.value, 2)}`,
        }),
      ],
    }),
  );
}

/** @param {{layer: string, value: number, slowness: string}[]} points */
const spoken = (points) =>
  points.map(({layer, slowness, value}) => `${layer} ${slowness} ${number(value, 2)}`).join(", ");

/** The end of a layer's name, as far as there is room. @param {number} room  pixels */
const shortName = (room) => (/** @type {string} */ name) => {
  const fits = Math.max(6, Math.floor(room / 8));
  return name.length > fits ? `…${name.slice(1 - fits)}` : name;
};
