// @ts-check
// The transport: play, pause, speed and scrubbing, for everything on the page at once.

import {clock} from "kinetoscope/clock";
import {choice, drawing, element} from "kinetoscope/element";

const PLAY = "M4 2.5v11l9-5.5z";
const PAUSE = "M4 2.5h3v11H4zM9 2.5h3v11H9z";
const SPEEDS = [0.25, 0.5, 1, 2];

/** @param {HTMLElement} parent */
export function transport(parent) {
  const shape = drawing("path", {d: PLAY});
  const button = element(
    "button.play",
    {type: "button", on: {click: () => clock.toggle()}},
    drawing("svg", {viewBox: "0 0 16 16", "aria-hidden": "true"}, shape),
  );
  const scrub = element("input", {
    type: "range",
    min: 0,
    step: 1,
    value: 0,
    "aria-label": "Frame",
    on: {input: () => clock.seek(Number(scrub.value))},
  });
  const readout = element("output", {"aria-live": "off"});
  const speeds = choice(
    "Speed",
    SPEEDS.map((value) => ({value, text: `${value} ×`})),
    clock.speed,
    (value) => clock.faster(value),
  );
  const bar = element(
    "div.transport",
    {role: "region", "aria-label": "Playback"},
    button,
    scrub,
    readout,
    speeds,
  );
  parent.append(bar);

  function show() {
    bar.hidden = clock.length < 2;
    shape.setAttribute("d", clock.playing ? PAUSE : PLAY);
    const doing = clock.playing ? "Pause" : "Play";
    if (button.title !== doing) {
      button.title = doing;
      button.setAttribute("aria-label", doing);
    }
    scrub.max = String(Math.max(0, clock.length - 1));
    scrub.value = String(clock.frame);
    readout.textContent = `frame ${clock.frame + 1} of ${clock.length}`;
  }
  clock.watch(show);
  show();
}
