// @ts-check
// Audit: what in the data tells a class that should not, which clips are copies, which labels wrong?

import {address} from "kinetoscope/address";
import {bars, chart, Plot} from "kinetoscope/charts";
import {choice, element, section} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {player} from "kinetoscope/player";
import {count, counted, decimal, listed, number, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/player").Track} Track */
/** @typedef {{value: number, low: number, high: number}} Area */
/** @typedef {{label: string, clips: number, area: Area, shuffled: [number, number], rate: number, reported: boolean}} Told */
/** @typedef {Told & {cue: string, telling: number[], numbers: {name: string, own: number[], others: number[]}[], own: Track | null, others: Track | null}} Finding */
/** @typedef {{videos: [number, number], view: string, distance: number, similarity: number, motion: number | null, across: boolean, contrary: boolean, one_recording: boolean}} Pair */
/** @typedef {{video: number, rather: string, margin: number, own: number, predicted: string | null}} Suspect */
/** @typedef {{name: string, label: string | null, split: string | null, clip: number | null, frames: Track | null}} Shown */
/**
 * @typedef {object} Data
 * @property {string[]} labels
 * @property {string[]} splits
 * @property {number} videos
 * @property {number} clips
 * @property {number} unlabelled
 * @property {{path: string, where: string, error: string}[]} failures
 * @property {{label: string, clips: number}[]} small
 * @property {number} least
 * @property {number} threshold
 * @property {number} rate
 * @property {number} shuffles
 * @property {{cue: string, told: Told[]}[]} cues
 * @property {Finding[]} findings
 * @property {{count: number, across: number, contrary: number, one_recording: number, pairs: Pair[]}} duplicates
 * @property {{layer: string, accuracy: number | null, chance: number | null, count: number, joint: {labels: string[], rows: number[][]} | null, list: Suspect[]} | null} suspects
 * @property {Record<string, Shown>} shown
 */

/** @type {Record<string, {by: string, how: string}>} */
const CUES = {
  caption: {
    by: "a caption",
    how: "Contours that stand still over the whole clip, away from what moves. The picture shows where: white is in every clip.",
  },
  border: {by: "its border", how: "The outermost sixteenth of the frame, and nothing else."},
  form: {by: "the file's form", how: "Codec, pixel format, container and size: nothing of the picture."},
  length: {by: "its length", how: "How many frames, how many seconds, at what rate."},
  camera: {
    by: "how the camera moves",
    how: "One shift, turn and zoom of the outer frame from each frame to the next; speeds in hundredths of the frame.",
  },
  "bit rate": {
    by: "its bit rate",
    how: "How many bits the file takes. They follow what is shown as well: rich motion takes more, and that is no fault.",
  },
  background: {
    by: "its background",
    how: "What hardly changes over the clip, without border and captions. A place can belong to an action; it is a shortcut where the action should be told.",
  },
  "single frame": {
    by: "a single frame",
    how: "The frame in the middle. No fault by itself: a class of things is told by its looks, and a caption or border is seen in a frame as well.",
  },
};
const GRAVE = ["caption", "border", "form", "length", "camera"];
const AT_MOST = 24;
const TELLING = 5;

/** @param {Data} data  @param {Element} parent */
export function show(data, parent) {
  about(data, parent);
  for (const grave of [true, false]) {
    const own = data.findings.filter(({cue}) => GRAVE.includes(cue) === grave);
    const title = grave ? "Classes told by what should not tell them" : "Told by what may tell them";
    const body = section(parent, title, count(own.length), grave ? told(data) : "Less grave: read each with what it says of itself.");
    if (!own.length)
      body.append(element("p.quiet", {}, grave ? "No class is told by a caption, its border, form, length or camera." : "None."));
    for (const each of own) finding(each, data, body);
  }
  if (data.cues.some((each) => each.told.length)) everything(data, parent);
  duplicates(data, parent);
  suspects(data, parent);
  left(data, parent);
}

/** @param {{findings: {cue: string, label: string, area: number}[], others: number, duplicates: number, across: number, suspects: number | null, clips: number, failures: number}} summary  @param {Element} card */
export function summary({findings, duplicates, across, suspects, clips}, card) {
  if (findings.length) {
    card.append(element("p", {}, "Classes told by what should not tell them:"));
    bars(
      card,
      findings.slice(0, 5).map(({cue, label, area}) => ({
        text: `${label}, by ${CUES[cue].by}`,
        value: area,
        shown: decimal(area),
        tone: "wrong",
        href: address.chapter("audit"),
      })),
      {name: "Area under the ROC curve", most: 1},
    );
  } else card.append(element("p", {}, "No class is told by a caption, its border, form, length or camera."));
  const pairs = duplicates
    ? `${counted(duplicates, "pair")} of clips look like copies, ${count(across)} of them in two splits.`
    : "No clip looks like a copy of another.";
  const labels = suspects === null ? "" : ` ${counted(suspects, "label")} of ${count(clips)} ${suspects === 1 ? "looks" : "look"} wrong.`;
  card.append(element("p.quiet", {}, pairs + labels));
}

/** @param {Data} data */
const told = ({threshold, shuffles, rate}) =>
  `A classifier that sees nothing but the cue, of clips it was not fitted to. Area under the ROC curve: 0.5 is chance, 1 is never wrong. Reported from ${decimal(threshold)}, where it is above all ${count(shuffles)} runs with shuffled labels, and at most ${percent(rate, 0)} of all that is reported is expected to be false.`;

/** @param {Data} data  @param {Element} parent */
function about({videos, clips, splits, duplicates: {count: pairs, across}, suspects: found}, parent) {
  const of = splits.length ? ` of the splits ${listed(splits)}` : "";
  const rows = [
    ["looked at", `${counted(clips, "clip")}${of}${clips < videos ? `; ${count(videos - clips)} can't be read` : ""}`],
    ["copies", `${counted(pairs, "pair")}, ${count(across)} of them in two splits`],
    ["suspicious labels", found ? `${count(found.count)}, which is ${percent(found.count / Math.max(1, clips))} of the clips` : "not looked at: that needs a scan"],
  ];
  parent.append(
    element(
      "dl.facts",
      {style: {"margin-top": "18px"}},
      rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    ),
  );
}

/** @param {Finding} found  @param {Data} data  @param {Element} parent */
function finding(found, data, parent) {
  const {area, shuffled, clips} = found;
  const card = element(
    "article",
    {style: {"margin-bottom": "34px"}},
    element("h3", {style: {"font-size": "16px"}}, labelLink(found.label), ` is told by ${CUES[found.cue].by}`),
    element("p.quiet", {}, CUES[found.cue].how),
    element(
      "p",
      {style: {margin: "6px 0 10px"}},
      element("b", {}, decimal(area.value)),
      ` (${decimal(area.low)} to ${decimal(area.high)}) of ${counted(clips, "clip")}; with shuffled labels ${decimal(shuffled[0])} to ${decimal(shuffled[1])}`,
    ),
  );
  const figure = element("div", {style: {"max-width": "680px"}});
  band([found], data, figure, {name: "", cue: found.cue});
  card.append(figure);
  const row = element("div.clips", {style: {"margin-top": "10px"}});
  for (const [name, track] of /** @type {const} */ ([
    ["this class", found.own],
    ["all others", found.others],
  ])) {
    if (!track) continue;
    const figure = element("figure.clip");
    player(figure, track, {name: `Mean picture of ${CUES[found.cue].by}, ${name}`});
    figure.append(element("figcaption.words", {}, element("span.label", {}, name), element("span.quiet", {}, "mean picture")));
    row.append(figure);
  }
  row.append(...found.telling.slice(0, TELLING).map((video) => clipCard(data.shown[video])));
  if (found.numbers.length) card.append(quartiles(found));
  card.append(row);
  parent.append(card);
}

/** @param {Finding} found */
function quartiles({numbers}) {
  const cells = (/** @type {number[]} */ [low, middle, high]) =>
    element("td.number", {}, element("b", {}, number(middle)), element("span.quiet", {}, `  ${number(low)} to ${number(high)}`));
  return element(
    "div.scroll",
    {},
    element(
      "table",
      {style: {"max-width": "560px"}},
      element("thead", {}, element("tr", {}, ["median and middle half", "this class", "all others"].map((name) => element("th", {}, name)))),
      element("tbody", {}, numbers.map(({name, own, others}) => element("tr", {}, element("td", {}, name), cells(own), cells(others)))),
    ),
  );
}

/** @param {Data} data  @param {Element} parent */
function everything(data, parent) {
  const cues = data.cues.filter((each) => each.told.length);
  const shown = element("div", {style: {"margin-top": "10px"}});
  const draw = (/** @type {string} */ cue) => {
    const rows = cues.find((each) => each.cue === cue)?.told ?? [];
    shown.replaceChildren();
    band(rows.slice(0, AT_MOST), data, shown, {name: `Classes told by ${CUES[cue].by}`, cue});
    if (rows.length > AT_MOST) shown.append(element("p.quiet", {}, `The ${AT_MOST} best told of ${count(rows.length)}; all are in cues.csv.`));
  };
  const body = section(parent, "How well each class is told", null, "A dot is the area under the ROC curve, its line the 95 % interval, the grey bar what shuffled labels gave. The broken line is where a class is reported.");
  const chosen = choice(
    "cue",
    cues.map(({cue}) => ({value: cue, text: cue})),
    cues[0].cue,
    draw,
  );
  chosen.style.setProperty("flex-wrap", "wrap");
  body.append(chosen, shown);
  draw(cues[0].cue);
}

/**
 * @param {Told[]} rows
 * @param {Data} data
 * @param {Element} parent
 * @param {{name: string, cue: string}} what  without a name, the one class is not named beside it
 */
function band(rows, {threshold}, parent, {name, cue}) {
  const tone = GRAVE.includes(cue) ? "var(--bad)" : "var(--accent)";
  const colour = (/** @type {{reported: boolean}} */ {reported}) => (reported ? tone : "var(--ink-2)");
  const plain = rows.map(({label, area, shuffled, reported}) => ({label, ...area, from: shuffled[0], to: shuffled[1], reported}));
  chart(parent, name || `${rows[0].label}: area under the ROC curve`, (width) =>
    Plot.plot({
      width,
      height: 30 * plain.length + 34,
      marginLeft: name ? Math.min(190, width * 0.38) : 12,
      marginRight: 12,
      marginBottom: 26,
      style: {fontSize: "12px"},
      x: {domain: [0.3, 1], label: null, ticks: width < 420 ? 4 : 8},
      y: {label: null, domain: plain.map(({label}) => label), tickSize: 0, axis: name ? "left" : null, tickFormat: (/** @type {string} */ text) => shortened(text, width)},
      marks: [
        Plot.ruleX([0.5], {stroke: "var(--line-2)"}),
        Plot.ruleX([threshold], {stroke: "var(--ink-3)", strokeDasharray: "3 3"}),
        Plot.barX(plain, {x1: "from", x2: "to", y: "label", fill: "var(--grey)", fillOpacity: 0.35, inset: 7}),
        Plot.ruleY(plain, {x1: "low", x2: "high", y: "label", stroke: colour, strokeWidth: 2}),
        Plot.dot(plain, {x: "value", y: "label", r: 4.5, fill: colour, title: words}),
      ],
    }),
  );
}

const words = (/** @type {any} */ {label, value, low, high, from, to}) =>
  `${label}: ${decimal(value)} (${decimal(low)} to ${decimal(high)}); shuffled ${decimal(from)} to ${decimal(to)}`;
const shortened = (/** @type {string} */ text, /** @type {number} */ width) => {
  const room = Math.floor(Math.min(190, width * 0.38) / 6.6);
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
};

/** @param {Data} data  @param {Element} parent */
function duplicates({duplicates: found, shown}, parent) {
  const body = section(
    parent,
    "Copies",
    count(found.count),
    "Pairs of clips whose pictures agree pixel by pixel, also mirrored or cropped; those in two splits first, since a network that has learned one of them by heart knows the other.",
  );
  if (!found.count) {
    body.append(element("p.quiet", {}, "No two clips look like copies."));
    return;
  }
  const said = [
    `${count(found.across)} are in two splits`,
    found.contrary ? `${count(found.contrary)} bear two labels` : "none bears two labels",
    found.one_recording ? `${count(found.one_recording)} share the scene but not what moves in it: more likely one recording, or one clip at two times` : "",
  ];
  body.append(element("p", {style: {"margin-bottom": "14px"}}, `${said.filter(Boolean).join("; ")}.`));
  const grid = element("div", {style: {display: "grid", gap: "22px 26px", "grid-template-columns": "repeat(auto-fill, minmax(min(100%, 300px), 1fr))"}});
  grid.append(...found.pairs.map((pair) => pairCard(pair, shown)));
  body.append(grid);
  if (found.count > found.pairs.length) body.append(element("p.quiet", {}, `The first ${found.pairs.length} of ${count(found.count)}; all are in duplicates.csv.`));
}

/** @param {Pair} pair  @param {Record<string, Shown>} shown */
function pairCard({videos, view, similarity, motion, contrary, one_recording}, shown) {
  const how = [
    one_recording ? "same scene, other motion" : view === "plain" ? "as it is" : view,
    `alike ${decimal(similarity, 3)}`,
    motion === null ? "nothing moves" : `motion alike ${decimal(motion)}`,
  ];
  return element(
    "figure",
    {},
    element(
      "div",
      {style: {display: "grid", "grid-template-columns": "1fr 1fr", gap: "8px"}},
      videos.map((video) => clipCard(shown[video], true)),
    ),
    element("figcaption.quiet", {style: {"margin-top": "2px", "font-size": "13px"}}, how.join(" · "), contrary && element("span.wrong", {}, " two labels")),
  );
}

/** @param {Data} data  @param {Element} parent */
function suspects({suspects: found, shown, clips}, parent) {
  const body = section(
    parent,
    "Suspicious labels",
    found ? count(found.count) : null,
    "A classifier on the network's features, of clips it was not fitted to, is confident of another label. Either the label is wrong, or the clip is a hard one: each has to be looked at.",
  );
  if (!found) {
    body.append(element("p.quiet", {}, "Not looked at: that needs a scan of this catalog."));
    return;
  }
  if (found.accuracy === null) {
    body.append(element("p.quiet", {}, "Not looked at: fewer than two classes are large enough."));
    return;
  }
  body.append(
    element(
      "p",
      {style: {"margin-bottom": "14px"}},
      `Features of `,
      element("a.unit", {href: address.layer(found.layer)}, found.layer),
      ` tell the label that a clip bears in ${percent(found.accuracy)} of the clips, where the commonest label alone would in ${percent(found.chance)}. ${counted(found.count, "label")} (${percent(found.count / Math.max(1, clips))}) ${found.count === 1 ? "is" : "are"} suspicious.`,
    ),
    element("div.clips", {}, found.list.map((each) => suspectCard(each, shown[each.video]))),
  );
  if (found.count > found.list.length) body.append(element("p.quiet", {}, `The first ${found.list.length} of ${count(found.count)}; all are in suspects.csv.`));
  joint(found.joint, body);
}

/** @param {Suspect} suspect  @param {Shown} shown */
function suspectCard({rather, own, predicted}, shown) {
  const card = clipCard(shown);
  card.querySelector(".words")?.append(
    element("span.wrong", {}, `rather ${rather}`),
    element("span.quiet", {}, `its own label has ${percent(own)}`),
    predicted !== null && predicted !== rather ? element("span.quiet", {}, `the network says ${predicted}`) : "",
  );
  return card;
}

/** @param {{labels: string[], rows: number[][]} | null} found  @param {Element} parent */
function joint(found, parent) {
  const pairs = (found?.rows ?? [])
    .flatMap((row, i) => row.map((many, j) => ({i, j, many})))
    .filter(({i, j, many}) => i !== j && many > 0)
    .sort((a, b) => b.many - a.many)
    .slice(0, 8);
  if (!found || !pairs.length) return;
  parent.append(element("h3", {style: {margin: "22px 0 6px"}}, "Labelled as one, confidently another"));
  bars(
    parent,
    pairs.map(({i, j, many}) => ({text: `${found.labels[i]}, rather ${found.labels[j]}`, value: many, shown: count(many), tone: "wrong"})),
    {name: "Clips labelled as one class and confidently of another"},
  );
}

/** @param {Data} data  @param {Element} parent */
function left({small, least, failures, unlabelled}, parent) {
  if (!small.length && !failures.length && !unlabelled) return;
  const body = section(parent, "Not judged");
  if (small.length) {
    const names = small.slice(0, 20).map(({label, clips}) => `${label} (${count(clips)})`);
    const more = small.length > names.length ? `, and ${count(small.length - names.length)} more` : "";
    body.append(element("p", {}, `Too small to judge, with fewer than ${least} clips: ${names.join(", ")}${more}.`));
  }
  if (unlabelled) body.append(element("p", {}, `${counted(unlabelled, "clip")} without a label: only looked at for copies.`));
  if (failures.length)
    body.append(
      element(
        "details.failures",
        {},
        element("summary", {}, `${counted(failures.length, "video")} can't be read`),
        element("ul", {}, failures.map(({where, path, error}) => element("li", {}, `${where} ${path}`, element("pre", {}, error)))),
      ),
    );
}

/** @param {string} name */
const labelLink = (name) =>
  look.network.labels.includes(name) ? element("a", {href: address.label(name)}, name) : element("b", {}, name);

/** @param {Shown} shown  @param {boolean} [ofPair] */
function clipCard(shown, ofPair = false) {
  const {name, label, split, clip, frames} = shown;
  const card = clip === null ? element("div.clip") : element("a.clip", {href: address.clip(clip)});
  if (frames) player(card, frames, {name});
  else card.append(element("div.missing", {}, "no picture"));
  card.append(
    element(
      "span.words",
      {},
      element("span.label", {}, label ?? "no label"),
      split !== null && element("span.activation", {}, split),
      element("span.quiet.name", {title: name}, ofPair ? (name.split("/").pop() ?? name) : name),
    ),
  );
  return card;
}
