// @ts-check
// Histories: how did the search for each stimulus go, term by term?

import {chart, Plot} from "kinetoscope/charts";
import {element} from "kinetoscope/element";
import {chi, firsts, paceColours} from "kinetoscope/stimuli";

/** @typedef {import("kinetoscope/look").Part} Part */

/** @param {Part} part */
export const hasHistory = ({stimuli}) => stimuli.some((each) => Object.keys(each.history).length > 1);

/** @param {Part} part  @param {Element} parent */
export function histories(part, parent) {
  const shown = firsts(part.stimuli);
  const colours = paceColours(shown.length);
  const named = [...new Set(shown.flatMap((each) => Object.keys(each.history)))].filter(
    (name) => name !== "step",
  );
  const onward = shown.filter((each) => each.went_on).map((each) => chi(each.slowness));
  parent.append(
    element(
      "p.legend",
      {},
      shown.map((each, i) => [element("i", {style: {background: colours[i]}}), chi(each.slowness)]),
      onward.length > 0 &&
        element("span", {}, `(${onward.join(" and ")} went on where a line jumps: the slower was not calmer)`),
    ),
  );
  for (const name of named) {
    const points = shown.flatMap(({slowness, history}) =>
      (history[name] ?? []).map((value, i) => ({
        step: history.step?.[i] ?? i,
        value,
        slowness: chi(slowness),
      })),
    );
    const figure = element("figure", {}, element("figcaption", {}, termName(name)));
    parent.append(figure);
    chart(figure, `${name} at each step`, (width) =>
      Plot.plot({
        width,
        height: 150,
        marginLeft: 54,
        marginBottom: 28,
        marginTop: 10,
        x: {label: "step", ticks: 4},
        y: {label: null, ticks: 4, grid: true},
        color: {domain: shown.map((each) => chi(each.slowness)), range: colours},
        marks: [Plot.lineY(points, {x: "step", y: "value", stroke: "slowness", strokeWidth: 1.5})],
      }),
    );
  }
}

/** A term of the objective. @param {string} name */
const termName = (name) =>
  name
    .replace(/^frames[_ ]/, "appearance, ")
    .replace(/^flow[_ ]/, "motion, ")
    .replaceAll("_", " ");
