// @ts-check
// Overview: which network is this, how good is it, and what can be said to the four questions?

import {address} from "kinetoscope/address";
import {element, section} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {questions} from "kinetoscope/pages/questions";
import {provenance} from "kinetoscope/provenance";
import {confusion, confusions, reliability} from "kinetoscope/views/evaluation";
import {network} from "kinetoscope/views/network";
import {unitsPlate} from "kinetoscope/views/units_plate";
import {anyUnmade, unmade} from "kinetoscope/views/unmade";
import {count, counted, listed, percent} from "kinetoscope/words";
import {masthead} from "kinetoscope/masthead";

/**
 * @param {import("kinetoscope/address").Address} _
 * @param {Element} parent
 */
export function overview(_, parent) {
  const hero = element("div.hero");
  parent.append(hero);
  const words = element("div");
  hero.append(words);
  masthead(words, {kind: "A look into", title: look.network.name, lead: lead()});
  figures(words);
  mosaic(hero);
  if (look.figure.length)
    unitsPlate(
      section(
        parent,
        "What units like to see",
        null,
        clipsBeside()
          ? "Real clips that excite a unit most, and what it would like to see: appearance, and motion from slow to fast"
          : "Appearance, and motion from slow to fast. There are no real clips here: this look had no catalog, and activations are held against those on made clips.",
      ),
      look.figure,
    );
  questions(section(parent, "Four questions"));
  network(
    look,
    section(
      parent,
      "Architecture",
      null,
      "Each layer shows stimuli of a few of its units. Click one to see them all.",
    ),
  );
  if (look.evaluation) accuracy(parent);
  if (anyUnmade()) {
    const body = section(parent, "Not made");
    body.classList.add("split");
    unmade(body);
  }
  provenance(section(parent, "How this was made"));
}

const clipsBeside = () => look.figure.some((row) => row.clips.length);

function lead() {
  const {labels, expects} = look.network;
  const streams = {frames: "frames", flow: "optical flow"};
  const seen = listed(
    (expects.streams ?? []).map((/** @type {"frames" | "flow"} */ name) => streams[name] ?? name),
  );
  const size = expects.size
    ? `, ${counted(expects.frames, "frame")} of ${expects.size[1]} × ${expects.size[0]} pixels at a time`
    : "";
  const first = `It tells ${counted(labels.length, "class", "classes")} apart from ${seen || "clips"}${size}.`;
  return [
    first,
    look.evaluation ? ` ${look.evaluation.protocol}` : " Its accuracy was not measured in this look.",
  ];
}

/** @param {Element} parent */
function figures(parent) {
  const {
    evaluation,
    sums,
    network: {weights_count},
  } = look;
  const shown = [
    evaluation && {
      value: percent(evaluation.top1),
      text: "top-1 accuracy",
      title: `of ${counted(evaluation.videos ?? 0, "video")}`,
    },
    evaluation &&
      evaluation.top5 !== null &&
      look.network.labels.length > 5 && {value: percent(evaluation.top5), text: "top-5 accuracy"},
    evaluation &&
      evaluation.mean_class_accuracy !== null && {
        value: percent(evaluation.mean_class_accuracy),
        text: "mean class accuracy",
      },
    evaluation &&
      evaluation.calibration_error !== null && {
        value: percent(evaluation.calibration_error),
        text: "calibration error",
        title: "mean gap between how sure it is and how often it is right",
      },
    {value: compact(weights_count), text: "weights", title: count(weights_count)},
    look.maximization !== null && {
      value: count(look.maximization.made),
      text:
        look.maximization.made < look.maximization.asked
          ? `stimuli made of ${count(look.maximization.asked)} asked for`
          : "objectives with stimuli",
      title: "units, neurons and classes that clips were made for",
    },
    sums.suspicious > 0 && {
      value: count(sums.suspicious),
      text: `of ${counted(sums.stimuli, "unit")} with a suspicious path`,
      title: "their best stimuli drive earlier layers otherwise than real clips do",
    },
    sums.scanned > 0 && {
      value: count(sums.scanned),
      text: `units scanned, ${sums.dead ? count(sums.dead) : "none"} dead`,
      title: `on ${counted(look.clips_count, "clip")}`,
    },
  ];
  parent.append(
    element(
      "dl.figures",
      {},
      shown.map(
        (each) =>
          each &&
          element("div", {title: each.title}, element("dt", {}, each.text), element("dd", {}, each.value)),
      ),
    ),
  );
}

/** @param {number} value */
const compact = (value) =>
  value >= 1e6
    ? `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} M`
    : value >= 1e4
      ? `${Math.round(value / 1e3)} k`
      : count(value);

/** @param {Element} parent */
function mosaic(parent) {
  if (!look.sprites.length) return;
  const grid = element("div.mosaic");
  look.sprites.forEach((sprite, i) => {
    const track = i % 2 ? (sprite.flow ?? sprite.frames) : (sprite.frames ?? sprite.flow);
    const link = element("a", {href: address.unit(sprite.unit), title: sprite.unit});
    if (track)
      player(link, track, {name: `A stimulus of ${sprite.unit}`, crisp: true, opacity: sprite.opacity});
    grid.append(link);
  });
  parent.append(
    element(
      "div.peep",
      {},
      grid,
      element("p.legend", {}, "What some of its units would like to see: appearance and motion in turn"),
    ),
  );
}

/** @param {Element} parent */
function accuracy(parent) {
  const body = section(parent, "Accuracy", null, look.evaluation?.protocol);
  const left = element("div");
  const right = element("div");
  body.classList.add("split");
  body.append(left, right);
  left.append(element("h3", {}, "What it mixes up"));
  confusion(look, left);
  const worst = confusions(look).slice(0, 6);
  if (worst.length) {
    right.append(
      element("h3", {}, "Most often"),
      element(
        "ol.pairs",
        {},
        worst.map(({truth, taken, count: many}) => pair(truth, taken, many)),
      ),
    );
  }
  if (look.evaluation?.reliability.length) {
    right.append(element("h3", {}, "Is it right as often as it says?"));
    reliability(look, right);
  }
}

/** @param {number} truth  @param {number} taken  @param {number} many */
function pair(truth, taken, many) {
  const names = look.network.labels;
  return element(
    "li",
    {},
    element(
      "a",
      {href: address.clips({label: names[truth], predicted: names[taken]})},
      element("b", {}, names[truth]),
      " taken for ",
      element("b", {}, names[taken]),
    ),
    element("span.quiet", {}, ` ${count(many)} ×`),
  );
}
