// @ts-check
// Numbers that come from a sample: how is one drawn and said with its interval?

import {address} from "kinetoscope/address";
import {chart, Plot} from "kinetoscope/charts";
import {element} from "kinetoscope/element";
import {layerNamed} from "kinetoscope/look";

/** @typedef {{value: number | null, low: number | null, high: number | null}} Sure */

/**
 * @param {Sure | null | undefined} found
 * @param {(value: number) => string} shown
 */
export function said(found, shown) {
  if (!found || found.value === null) return "–";
  const {value, low, high} = found;
  return low === null || high === null ? shown(value) : `${shown(value)} (${shown(low)} to ${shown(high)})`;
}

/** Two decimals, and no zero that is negative. @param {number} value */
export const signed = (value) => (Math.abs(value) < 0.005 ? "0.00" : value.toFixed(2).replace("-", "−"));

/**
 * @typedef {object} Row
 * @property {string} row  on which line
 * @property {string} series
 * @property {Sure | null} found
 * @property {string} [href]
 */
/** @typedef {{name: string, colour: string, hollow?: boolean}} Series */

/**
 * A line a name, and on it a dot and an interval for each series.
 * @param {Element} parent
 * @param {Row[]} rows
 * @param {{name: string, label: string, series: Series[], shown: (value: number) => string, domain?: [number, number], rules?: {value: number, text: string}[]}} how
 *   `rules` are values that hold for all lines
 */
export function intervals(parent, rows, {name, label, series, shown, domain, rules = []}) {
  const known = rows.filter(({found}) => found && found.value !== null);
  const lines = [...new Set(rows.map(({row}) => row))];
  const together = Math.max(...lines.map((line) => rows.filter(({row}) => row === line).length));
  const offset = (/** @type {number} */ place) => (together > 1 ? 9 * (place - (series.length - 1) / 2) : 0);
  chart(parent, name, (width) =>
    Plot.plot({
      width,
      height: 64 + lines.length * Math.max(22, 9 * together + 6),
      marginLeft: Math.min(170, width * 0.36),
      marginRight: 22,
      marginTop: rules.length ? 34 : 20,
      x: {label, grid: true, domain, ticks: Math.max(3, width / 110), nice: !domain},
      y: {label: null, domain: lines, axis: null},
      marks: [
        Plot.text(lines, {
          frameAnchor: "left",
          textAnchor: "end",
          dx: -10,
          y: (/** @type {string} */ d) => d,
          text: (/** @type {string} */ d) => short(d, width),
          title: (/** @type {string} */ d) => d,
          href: (/** @type {string} */ d) => rows.find(({row}) => row === d)?.href,
          fill: "var(--ink)",
          fontSize: 12,
        }),
        Plot.ruleX(rules, {x: "value", stroke: "var(--ink-3)", strokeDasharray: "3 3"}),
        Plot.text(rules, {x: "value", text: "text", frameAnchor: "top", dy: -18, lineAnchor: "top", fill: "var(--ink-2)", fontSize: 11}),
        ...series.flatMap(({name: own, colour, hollow}, place) => {
          const part = known.filter((row) => row.series === own);
          const dy = offset(place);
          return [
            Plot.ruleY(part, {y: "row", x1: at("low"), x2: at("high"), stroke: colour, strokeWidth: 2, dy}),
            Plot.dot(part, {
              y: "row",
              x: at("value"),
              r: 4,
              stroke: colour,
              strokeWidth: 1.5,
              fill: hollow ? "var(--paper)" : colour,
              title: (/** @type {Row} */ row) => `${row.row}, ${own}: ${said(row.found, shown)}`,
              dy,
            }),
          ];
        }),
      ],
    }),
  );
  parent.append(
    element(
      "p.legend",
      {},
      series.map(({name: own, colour, hollow}) =>
        element(
          "span",
          {style: {display: "flex", "align-items": "center", gap: "6px", "white-space": "nowrap"}},
          element("i", {
            style: {
              width: "9px",
              height: "9px",
              "border-radius": "50%",
              border: `1.5px solid ${colour}`,
              background: hollow ? "none" : colour,
            },
          }),
          own,
        ),
      ),
      element("span", {style: {"margin-left": "8px"}}, "Lines are 95 % intervals."),
    ),
  );
}

/** @param {"value" | "low" | "high"} end */
const at = (end) => (/** @type {Row} */ {found}) => found?.[end] ?? found?.value;

/** @param {string} text  @param {number} width */
function short(text, width) {
  const room = Math.floor(Math.min(160, width * 0.36 - 10) / 6.6);
  return text.length <= room ? text : `…${text.slice(1 - room)}`;
}

/** @param {string} name  a layer; null where the report has no page of it */
export const layerLink = (name) => (layerNamed(name) ? address.layer(name) : undefined);
