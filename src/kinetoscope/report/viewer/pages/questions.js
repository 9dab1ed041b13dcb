// @ts-check
// The four questions: what did this look measure of each, in words?
//
// Only what was measured is said; what was not is named as such.

import {address} from "kinetoscope/address";
import {SHOWN} from "kinetoscope/chapters";
import {bars} from "kinetoscope/charts";
import {element} from "kinetoscope/element";
import {look, reference} from "kinetoscope/look";
import {confusions} from "kinetoscope/views/evaluation";
import {chi, rival} from "kinetoscope/stimuli";
import {count, counted, decimal, percent, QUESTIONS} from "kinetoscope/words";

/** In the order of the questions; each tells whether anything was measured. */
const ANSWERS = [streams, specific, abstraction, failure];

/** @param {Element} parent */
export function questions(parent) {
  parent.classList.add("questions");
  QUESTIONS.forEach((title, question) => {
    const card = element("article.question", {}, element("h3", {}, title));
    const told = ANSWERS[question](card);
    const more = chaptersOf(question, card);
    if (!told && !more) card.append(element("p.quiet", {}, "Not measured in this look."));
    parent.append(card);
  });
}

/**
 * What the chapters of a question say in a few words; tells whether there are any.
 * @param {number} question
 * @param {Element} card
 */
function chaptersOf(question, card) {
  const own = look.chapters.filter((each) => each.question === question);
  for (const each of own) {
    const part = element("div.chapter", {}, element("h4", {}, element("a", {href: address.chapter(each.kind)}, each.title)));
    SHOWN[each.kind]?.summary?.(each.summary, part);
    card.append(part);
  }
  return own.length > 0;
}

/** @param {Element} card */
function streams(card) {
  const {variants, evaluation, sums} = look;
  if (variants.length && evaluation) {
    card.append(element("p", {}, "Accuracy as parts of the clip are taken away:"));
    bars(
      card,
      [
        {text: "all of it", value: evaluation.top1, shown: percent(evaluation.top1), tone: "strong"},
        ...variants.map(({name, top1}) => ({text: name, value: top1, shown: percent(top1)})),
      ],
      {name: "Accuracy", most: 1},
    );
    const chance = 1 / Math.max(1, look.network.labels.length);
    card.append(element("p.quiet", {}, `Chance is ${percent(chance)}.`));
  }
  if (sums.pace.length > 1) {
    card.append(element("p", {}, "How many units are excited most by the stimulus of each slowness:"));
    bars(
      card,
      sums.pace.map(({slowness, count: many}) => ({text: chi(slowness), value: many, shown: count(many)})),
      {name: "Units by slowness"},
    );
  }
  if (sums.measured) {
    card.append(
      element(
        "p",
        {},
        `In ${count(sums.above_one)} of ${count(sums.measured)} units a stimulus excites more than any ${rival(reference).replace("best ", "")} does.`,
      ),
    );
  }
  return variants.length > 0 || sums.pace.length > 1 || sums.measured > 0;
}

/** @param {Element} card */
function specific(card) {
  const {sums, labels} = look;
  if (!sums.scanned) return false;
  card.append(
    element("p", {}, `${count(sums.dead)} of ${count(sums.scanned)} units are dead: no clip excites them.`),
  );
  const keenest = labels
    .filter((label) => label.units.length)
    .map((label) => ({label, ...label.units[0]}))
    .sort((a, b) => b.selectivity - a.selectivity)
    .slice(0, 5);
  if (keenest.length) {
    card.append(
      element("p", {}, "The most selective units, and their class:"),
      element(
        "ul.plain",
        {},
        keenest.map(({label, unit, selectivity}) =>
          element(
            "li",
            {},
            element("a.unit", {href: address.unit(unit)}, unit),
            " ",
            element("a", {href: address.label(label.name)}, label.name),
            element("span.quiet", {title: "selectivity"}, ` ${decimal(selectivity)}`),
          ),
        ),
      ),
    );
  }
  return true;
}

/** Layers that only pass on what the one before has found. */
const PASSING = /pool|norm|relu|dropout|flatten/i;

/** @param {Element} card */
function abstraction(card) {
  const measured = look.layers.filter((layer) => layer.selectivity !== null && !PASSING.test(layer.kind));
  if (measured.length < 2) return false;
  const [first, last] = [measured[0], measured[measured.length - 1]];
  card.append(element("p", {}, "The middle unit's selectivity for a class, layer by layer:"));
  bars(
    card,
    measured.map(({name, selectivity, lane}) => ({
      text: name,
      value: selectivity,
      shown: decimal(selectivity),
      href: address.layer(name),
      tone: lane,
    })),
    {name: "Selectivity by layer"},
  );
  if (first.receptive_field && last.receptive_field) {
    card.append(
      element(
        "p.quiet",
        {},
        `What a unit sees grows from ${first.receptive_field.join(" × ")} to ${last.receptive_field.join(" × ")} (frames × pixels).`,
      ),
    );
  }
  return true;
}

/** @param {Element} card */
function failure(card) {
  if (!look.evaluation?.confusion) return false;
  const worst = confusions(look);
  const names = look.network.labels;
  if (!worst.length) {
    card.append(
      element(
        "p",
        {},
        `It does not: all of ${counted(look.evaluation.videos ?? 0, "video")} were told apart.`,
      ),
    );
    return true;
  }
  const all = worst.reduce((sum, each) => sum + each.count, 0);
  card.append(
    element("p", {}, `${counted(all, "video")} wrong. Mixed up most often:`),
    element(
      "ul.plain",
      {},
      worst
        .slice(0, 5)
        .map(({truth, taken, count: many}) =>
          element(
            "li",
            {},
            element(
              "a",
              {href: address.clips({label: names[truth], predicted: names[taken]})},
              `${names[truth]} taken for ${names[taken]}`,
            ),
            element("span.quiet", {}, ` ${count(many)} ×`),
          ),
        ),
    ),
  );
  card.append(
    element("p", {}, element("a", {href: address.clips({only: "wrong"})}, "All clips it gets wrong")),
  );
  return true;
}
