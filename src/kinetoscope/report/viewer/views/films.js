// @ts-check
// Films: how is motion read without playing? Every frame beside the next.

import {choice, element} from "kinetoscope/element";
import {labelOf} from "kinetoscope/look";
import {filmstrip} from "kinetoscope/player";
import {chi, firsts, strongest} from "kinetoscope/stimuli";
import {paceWord} from "kinetoscope/words";

/** @typedef {import("kinetoscope/look").Part} Part */

/** How flow is drawn; kept from unit to unit. @type {"flow" | "components"} */
let drawn = "flow";

/**
 * @param {Part} part
 * @param {Element} parent
 * @param {{name: string, real: import("kinetoscope/look").Clip | null, veiled: () => boolean}} what
 *   `real` stands beside it
 */
export function films(part, parent, {name, real, veiled}) {
  const shown = firsts(part.stimuli);
  const best = strongest(shown);
  if (!best || !shown.some((each) => ((each.frames ?? each.flow)?.count ?? 0) > 1)) return;
  let chosen = shown.indexOf(best);
  const strips = element("div.films");
  const tools = element("div.tools.films-head", {}, element("h3", {}, "Frame by frame"));
  parent.append(tools, strips);
  if (shown.length > 1)
    tools.append(
      choice(
        "Which stimulus",
        shown.map((each, value) => ({
          value,
          text: paceWord(value, shown.length) || chi(each.slowness),
          title: chi(each.slowness),
        })),
        chosen,
        (value) => {
          chosen = value;
          fill();
        },
      ),
    );
  if (shown.some((each) => each.components))
    tools.append(
      choice(
        "Draw motion by",
        /** @type {{value: "flow" | "components", text: string, title: string}[]} */ ([
          {value: "flow", text: "direction", title: "Hue is direction, saturation is speed"},
          {value: "components", text: "x, y, speed", title: "Red is right, green is down, blue is speed"},
        ]),
        drawn,
        (value) => {
          drawn = value;
          fill();
        },
      ),
    );
  fill();

  function fill() {
    const each = shown[chosen];
    const said = `Stimulus of ${name}, ${chi(each.slowness)}`;
    const opacity = veiled() ? each.opacity : null;
    const flow = each[drawn] ?? each.flow;
    strips.replaceChildren();
    if (each.frames) filmstrip(strips, each.frames, {name: `${said}, appearance`, crisp: true, opacity});
    if (flow) filmstrip(strips, flow, {name: `${said}, motion`, crisp: true, opacity});
    if (!real) return;
    strips.append(element("p.note", {}, `A real clip beside it, ${labelOf(real)}`));
    if (real.frames && each.frames)
      filmstrip(strips, real.frames, {name: `Real clip ${real.name}, appearance`});
    if (real.flow && flow) filmstrip(strips, real.flow, {name: `Real clip ${real.name}, motion`});
  }
}
