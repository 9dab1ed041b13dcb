// @ts-check
// Terms: what does this word mean? Told on hover, on focus, on a tap, and to those who listen.

import {element} from "kinetoscope/element";

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
    {tabindex: 0, "aria-describedby": id, on: {keydown: close, blur: open, mouseleave: open}},
    element("span.said", {}, text),
    element("span.tip", {id, role: "tooltip"}, meaning),
  );
  /** @param {KeyboardEvent} event */
  function close(event) {
    if (event.key === "Escape") whole.classList.add("shut");
  }
  function open() {
    whole.classList.remove("shut");
  }
  return whole;
}
