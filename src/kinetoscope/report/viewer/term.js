// @ts-check
// Terms: what does this word mean? Told on hover, on focus, on a tap, and to those who listen.

import {element} from "kinetoscope/element";

const MARGIN = 12;
let made = 0;

/**
 * @param {import("kinetoscope/element").Child} text
 * @param {string} meaning
 * @returns {HTMLElement}
 */
export function term(text, meaning) {
  const id = `meaning-${++made}`;
  const whole = element(
    "span.term",
    {tabindex: 0, "aria-describedby": id, on: {keydown: close, mouseenter: fit, focus: fit}},
    element("span.said", {}, text),
    element("span.tip", {id, role: "tooltip"}, meaning),
  );
  /** @param {KeyboardEvent} event */
  function close(event) {
    if (event.key === "Escape") whole.classList.add("shut");
  }
  /** It is moved to where the window has room for it. */
  function fit() {
    whole.classList.remove("shut");
    const tip = whole.lastElementChild;
    tip.style.left = "0";
    const over = tip.getBoundingClientRect().right - (document.documentElement.clientWidth - MARGIN);
    if (over > 0) tip.style.left = `${-over}px`;
  }
  return whole;
}
