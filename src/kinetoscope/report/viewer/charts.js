// @ts-check
// Charts: how is a row of numbers drawn? By Observable Plot, as wide as there is room.

import {element} from "kinetoscope/element";

export const Plot = /** @type {any} */ (globalThis).Plot;

/**
 * Draws again where the room changes.
 * @param {Element} parent
 * @param {string} name  what is drawn, for those who cannot see it
 * @param {(width: number) => any} draw
 */
export function chart(parent, name, draw) {
  const frame = element("div.chart", {role: "figure", "aria-label": name});
  parent.append(frame);
  let width = 0;
  new ResizeObserver(() => {
    const room = Math.floor(frame.clientWidth);
    if (!room || room === width) return;
    width = room;
    frame.replaceChildren(named(draw(width)));
  }).observe(frame);
}

/**
 * Plot names its groups; only links may have names, and theirs stand on their shapes.
 * @param {Element} drawn
 */
function named(drawn) {
  for (const shape of drawn.querySelectorAll("[aria-label]")) {
    const name = shape.getAttribute("aria-label") ?? "";
    shape.removeAttribute("aria-label");
    if (shape.parentElement?.localName === "a") shape.parentElement.setAttribute("aria-label", name);
  }
  return drawn;
}

/**
 * Labelled bars as a list: readable at any width, each one a link.
 * @param {Element} parent
 * @param {{text: string, value: number | null, shown: string, href?: string, tone?: string, title?: string}[]} rows
 * @param {{name: string, most?: number}} options  `most` is the value of a full bar
 */
export function bars(parent, rows, {name, most}) {
  const full = most ?? Math.max(...rows.map((row) => Math.max(0, row.value ?? 0)), Number.MIN_VALUE);
  parent.append(
    element(
      "ol.bars",
      {"aria-label": name},
      rows.map(({text, value, shown, href, tone, title}) => {
        const share = Math.max(0, Math.min(1, (value ?? 0) / full));
        const bar = element(
          "span.bar",
          {},
          element(`span.fill${tone ? `.${tone}` : ""}`, {style: {width: `${100 * share}%`}}),
        );
        const words = [
          element("span.text", {title: title ?? text}, text),
          bar,
          element("span.value", {}, shown),
        ];
        return element("li", {}, href ? element("a", {href}, words) : element("span", {}, words));
      }),
    ),
  );
}
