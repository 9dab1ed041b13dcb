// @ts-check
// By layer: how is a number with its interval drawn for every layer, beside that of random weights?

import {chart, Plot} from "kinetoscope/charts";
import {element} from "kinetoscope/element";

/** @typedef {{value: number | null, low: number | null, high: number | null}} Interval */
/** @typedef {{layer: string, own: boolean} & Interval} Row  `own` is not of the control */

/**
 * @param {Element} parent
 * @param {Row[]} rows
 * @param {{layers: string[], text: string, most?: number, shown: (value: number | null) => string}} options
 *   `text` names the axis, `most` is its end
 */
export function byLayer(parent, rows, {layers, text, most, shown}) {
  const known = rows.filter(({value}) => value !== null);
  const colour = (/** @type {Row} */ row) => (row.own ? "var(--motion)" : "var(--grey)");
  chart(parent, `${text} by layer`, (width) =>
    Plot.plot({
      width,
      height: 50 + 26 * layers.length,
      marginLeft: Math.min(150, width * 0.36),
      marginRight: 24,
      x: {
        label: text,
        grid: true,
        nice: true,
        domain: most ? [0, most] : undefined,
        ticks: Math.max(3, width / 110),
        zero: true,
      },
      y: {label: null, domain: layers},
      marks: [false, true].flatMap((own) => {
        const part = known.filter((row) => row.own === own);
        const dy = own ? 3 : -3;
        return [
          Plot.ruleY(part, {x1: "low", x2: "high", y: "layer", stroke: colour, strokeWidth: 2, dy}),
          Plot.dot(part, {
            x: "value",
            y: "layer",
            fill: colour,
            r: 4,
            dy,
            title: (/** @type {Row} */ row) =>
              `${row.layer}: ${shown(row.value)} (${shown(row.low)} to ${shown(row.high)})`,
          }),
        ];
      }),
    }),
  );
}

/** What the two colours are. @param {Element} parent */
export function ownAndRandom(parent) {
  parent.append(
    element(
      "p.legend",
      {},
      element("i", {style: {background: "var(--motion)"}}),
      "this network",
      element("i", {style: {background: "var(--grey)"}}),
      "random weights",
      element("span", {}, "Lines are 95 % intervals over units."),
    ),
  );
}
