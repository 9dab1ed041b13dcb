// @ts-check
// The key to the colours of motion: which hue is which direction, and how fast is full colour?

import {element} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {number} from "kinetoscope/words";

/**
 * @param {Element} parent
 * @param {number | null} fullColour  pixels per frame
 */
export function flowKey(parent, fullColour) {
  const made = element("div.flow-key");
  const wheel = element("div.wheel");
  player(wheel, {...look.key, count: 1}, {name: "Colour wheel: the colour of motion toward each side"});
  made.append(
    wheel,
    element(
      "p",
      {},
      element("b", {}, "How motion is drawn"),
      " A pixel has the hue of the direction in which it moves, as on the wheel; white is still",
      fullColour
        ? [
            ", full colour is ",
            element("b", {}, `${number(fullColour, 2)} px per frame`),
            ", darker is faster.",
          ]
        : ".",
    ),
  );
  parent.append(made);
}
