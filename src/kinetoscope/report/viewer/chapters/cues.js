// @ts-check
// Cues: what do layers, units and classes owe to motion, and what to appearance?

import {address} from "kinetoscope/address";
import {bars, chart, Plot} from "kinetoscope/charts";
import {CHANGES, kindWords} from "kinetoscope/chapters/cues_words";
import {choice, element, section} from "kinetoscope/element";
import {layerNamed} from "kinetoscope/look";
import {term} from "kinetoscope/term";
import {count, counted, decimal, listed, number, percent} from "kinetoscope/words";

/** @typedef {{value: number | null, low: number | null, high: number | null}} Interval */
/** @typedef {[number, number, number] | null} Triple  a value and the ends of its interval */
/**
 * @typedef {object} Group  the units of a layer, of the network or of its control
 * @property {number} channels
 * @property {number} measured
 * @property {number} silent
 * @property {Interval} motion
 * @property {Interval} [flow]
 * @property {Interval} interplay
 * @property {Record<string, number>} kinds
 * @property {Record<string, Interval>} kept
 */
/** @typedef {Group & {name: string, control: Group | null}} Layer */
/**
 * @typedef {object} Row  a class, or all of them where there is no label
 * @property {string | null} label
 * @property {number} clips
 * @property {Record<string, Interval>} accuracy
 * @property {Record<string, Interval>} probability
 * @property {Record<string, Interval>} accuracy_adds
 * @property {Record<string, Interval>} probability_adds
 * @property {Row | null} control
 */
/**
 * @typedef {object} Units  columns of the units of a layer
 * @property {string[]} kind
 * @property {(number | null)[]} static
 * @property {(number | null)[]} dynamic
 * @property {(number | null)[]} both
 * @property {Triple[]} motion
 * @property {Triple[]} motion_adds
 * @property {Triple[]} appearance_adds
 * @property {Triple[]} interplay
 * @property {Triple[]} [flow]
 * @property {Triple[][]} kept  by change
 */
/** @typedef {{unit: string, value: number, low: number, high: number}} Ranked */
/**
 * @typedef {object} Data
 * @property {number} clips
 * @property {number} per_unit
 * @property {"mean" | "largest"} summary
 * @property {string[]} streams
 * @property {string[]} changes
 * @property {number | null} chance
 * @property {Layer[]} layers
 * @property {Record<string, Ranked[]>} most
 * @property {Row[]} classes
 * @property {Record<string, Units>} units
 * @property {number} same_label
 */

/** @type {Record<string, string>} */
const TONES = {
  appearance: "var(--appearance)",
  motion: "var(--motion)",
  joint: "var(--both)",
  neither: "var(--grey)",
  silent: "var(--line-2)",
};
const KINDS = [
  {kind: "static", tone: TONES.appearance},
  {kind: "joint", tone: TONES.joint},
  {kind: "dynamic", tone: TONES.motion},
  {kind: "none", tone: TONES.neither},
  {kind: "silent", tone: TONES.silent},
];

/** @param {Interval | null | undefined} found  in percent, with its interval */
const between = (found, digits = 0) =>
  !found || found.value === null
    ? "–"
    : `${percent(found.value, digits)} (${(100 * (found.low ?? 0)).toFixed(digits)} to ${(100 * (found.high ?? 0)).toFixed(digits)})`;

/** In hundredths, with a sign that can be read. @param {number | null} value */
const points = (value) => String(Math.round(100 * (value ?? 0))).replace("-", "−");

/** @param {[string, string][]} tones */
const legend = (...tones) =>
  element(
    "p.legend",
    {},
    tones.map(([text, tone]) =>
      element(
        "span",
        {style: {display: "flex", "align-items": "center", gap: "6px", "white-space": "nowrap"}},
        element("i", {style: {background: tone, height: "9px"}}),
        text,
      ),
    ),
  );

/** @param {number} width  room for the names of rows */
const room = (width) => Math.min(160, width * 0.34);

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  parent.append(element("p.note", {style: {"margin-top": "18px", "max-width": "76ch"}}, how(data)));
  shares(data, parent);
  kinds(data, parent);
  if (data.classes.length) classes(data, parent);
  strongest(data, parent);
  kept(data, parent);
}

/** @param {Data} data */
function how({clips, per_unit: each, summary: reads, same_label: same}) {
  const alike = same ? ` ${counted(same, "clip")} had to take it from a clip of its own label.` : "";
  return `${counted(clips, "clip")}, as many of each class as can be, were shown as they are and with something taken away. Appearance is taken away by giving a clip another one's still frame, which then moves as the clip does; motion, by freezing the clip.${alike} A unit's answer is its ${reads === "mean" ? "mean over all positions" : "largest"}, and each unit is measured on the ${each} clips that excite it most.`;
}

/**
 * What the middle unit of each layer owes to the one and the other.
 * @param {Data} data
 * @param {Element} parent
 */
function shares(data, parent) {
  const two = data.layers.some(({flow}) => flow);
  const plot = element("div");
  const note = element("p.note");
  const keys = element("div");
  const pick = choice(
    "what is shared",
    [
      {value: "motion", text: "appearance and motion"},
      {value: "flow", text: "frames and flow"},
    ],
    "motion",
    draw,
  );
  section(parent, "Layer by layer", two && pick, note).append(keys, plot);
  /** @param {string} of */
  function draw(of) {
    const names = of === "motion" ? ["motion", "appearance"] : ["flow", "frames"];
    note.textContent =
      of === "motion"
        ? "Of all that appearance and motion add to a unit's answer, the share of each (Shapley value); the median over the units of a layer."
        : "Of all that the two streams add to a unit's answer, the share of each (Shapley value); a stream that is out is blank. The median over the units of a layer.";
    keys.replaceChildren(
      legend(
        [names[0], TONES.motion],
        [names[1], TONES.appearance],
        ["95 % interval over units", "var(--ink)"],
        ...(data.layers.some(({control}) => control)
          ? /** @type {[string, string][]} */ ([["random weights", "var(--paper)"]])
          : []),
      ),
    );
    mark(keys);
    plot.replaceChildren();
    const rows = data.layers.flatMap((layer) => {
      const found = of === "motion" ? layer.motion : layer.flow;
      const control = of === "motion" ? layer.control?.motion : layer.control?.flow;
      if (!found || found.value === null) return [];
      return [{layer: layer.name, ...found, measured: layer.measured, control: control?.value ?? null, beside: control}];
    });
    chart(plot, `Shares of ${names.join(" and ")} by layer`, (width) => stacked(rows, data, width, names));
  }
  draw("motion");
}

/** The last colour of a legend stands for a ring. @param {Element} keys */
function mark(keys) {
  for (const each of keys.querySelectorAll("i")) {
    if (each.style.background !== "var(--paper)") continue;
    Object.assign(each.style, {border: "2px solid var(--ink)", borderRadius: "50%", width: "9px", boxSizing: "content-box"});
  }
}

/**
 * @param {any[]} rows
 * @param {Data} data
 * @param {number} width
 * @param {string[]} names
 */
function stacked(rows, data, width, names) {
  const cut = (/** @type {number} */ value) => Math.max(0, Math.min(1, value));
  const said = (/** @type {any} */ row) =>
    `${row.layer}: ${names[0]} ${between(row)}, of ${counted(row.measured, "unit")}${row.control === null ? "" : `; with random weights ${between(row.beside)}`}`;
  const href = (/** @type {any} */ row) => (layerNamed(row.layer) ? address.layer(row.layer) : null);
  return Plot.plot({
    width,
    height: 46 + 26 * data.layers.length,
    marginLeft: room(width),
    marginRight: 16,
    x: {label: `share of ${names[0]}`, domain: [0, 1], tickFormat: "%", ticks: Math.max(2, width / 130)},
    y: {label: null, domain: data.layers.map(({name}) => name), tickSize: 0},
    marks: [
      Plot.barX(rows, {x1: 0, x2: (/** @type {any} */ row) => cut(row.value), y: "layer", fill: TONES.motion, inset: 4, insetLeft: 0, insetRight: 0, title: said, href}),
      Plot.barX(rows, {x1: (/** @type {any} */ row) => cut(row.value), x2: 1, y: "layer", fill: TONES.appearance, inset: 4, insetLeft: 0, insetRight: 0, title: said, href}),
      Plot.ruleY(rows, {x1: (/** @type {any} */ row) => cut(row.low), x2: (/** @type {any} */ row) => cut(row.high), y: "layer", stroke: "var(--ink)", strokeWidth: 2.5}),
      Plot.dot(
        rows.filter(({control}) => control !== null),
        {x: (/** @type {any} */ row) => cut(row.control), y: "layer", r: 4, fill: "var(--paper)", stroke: "var(--ink)", strokeWidth: 1.5},
      ),
    ],
  });
}

/**
 * Which units follow the one, the other, both together, or neither.
 * @param {Data} data
 * @param {Element} parent
 */
function kinds(data, parent) {
  const body = section(
    parent,
    "Static, dynamic, or joint",
    null,
    "Clips that share nothing but their look, or nothing but their motion, excite a unit alike if it follows the one or the other (a correlation over such pairs above 0.5). Joint: neither is enough, and both together are. The thin bar below is the same network with random weights.",
  );
  body.append(legend(...KINDS.map(({kind, tone}) => /** @type {[string, string]} */ ([kind, tone]))));
  const rows = data.layers.flatMap((layer) =>
    [layer, layer.control].flatMap((group, i) =>
      !group
        ? []
        : KINDS.map(({kind, tone}) => ({
            layer: layer.name,
            control: i === 1,
            kind,
            tone,
            units: group.kinds[kind],
            share: group.kinds[kind] / group.channels,
          })),
    ),
  );
  const said = (/** @type {any} */ row) =>
    `${row.layer}${row.control ? ", random weights" : ""}: ${count(row.units)} ${row.kind} (${percent(row.share, 0)})`;
  const order = KINDS.map(({kind}) => kind);
  const bar = (/** @type {boolean} */ control, /** @type {any} */ insets) =>
    Plot.barX(
      rows.filter((row) => row.control === control),
      Plot.stackX({x: "share", y: "layer", z: "kind", order, fill: "tone", title: said, ...insets}),
    );
  chart(body, "Kinds of units by layer", (width) =>
    Plot.plot({
      width,
      height: 46 + 30 * data.layers.length,
      marginLeft: room(width),
      marginRight: 16,
      x: {label: "of the units", domain: [0, 1], tickFormat: "%", ticks: Math.max(2, width / 130)},
      y: {label: null, domain: data.layers.map(({name}) => name), tickSize: 0},
      color: {type: "identity"},
      marks: [bar(false, {insetTop: 3, insetBottom: 9}), bar(true, {insetTop: 19, insetBottom: 3, fillOpacity: 0.55})],
    }),
  );
}

/**
 * What accuracy is made of, class by class.
 * @param {Data} data
 * @param {Element} parent
 */
function classes(data, parent) {
  const plot = element("div");
  const pick = choice(
    "what is laid out",
    [
      {value: "accuracy", text: "accuracy"},
      {value: "probability", text: "probability of the class"},
    ],
    "accuracy",
    draw,
  );
  const note = `What is there with another clip's still, what appearance adds to it, and what motion adds; the tick is the whole, with its 95 % interval over clips. Left of zero: it takes away.${data.chance === null ? "" : ` Dashed: chance, ${percent(data.chance)}.`}`;
  const body = section(parent, "How much of its accuracy needs motion", pick, note);
  body.append(
    legend(["without either", TONES.neither], ["appearance adds", TONES.appearance], ["motion adds", TONES.motion]),
    plot,
  );
  /** @param {string} of */
  function draw(of) {
    plot.replaceChildren();
    chart(plot, `What ${of} owes to what, by class`, (width) => laidOut(data, of, width));
  }
  draw("accuracy");
  table(data, body);
}

/** @param {Row} row */
const nameOf = (row) => row.label ?? "all classes";

/**
 * @param {Data} data
 * @param {string} of  accuracy or probability
 * @param {number} width
 */
function laidOut(data, of, width) {
  const pick = (/** @type {any} */ row) => ({values: row[of], adds: row[`${of}_adds`]});
  const parts = data.classes.flatMap((row) => {
    const {values, adds} = pick(row);
    return [
      {part: "without either", tone: TONES.neither, found: values["other still"]},
      {part: "appearance adds", tone: TONES.appearance, found: adds.appearance},
      {part: "motion adds", tone: TONES.motion, found: adds.motion},
    ].map((each) => ({...each, name: nameOf(row), label: row.label, value: each.found.value}));
  });
  const wholes = data.classes.map((row) => ({name: nameOf(row), ...pick(row).values["as it is"]}));
  const said = (/** @type {any} */ row) => `${row.name}: ${row.part} ${between(row.found)}`;
  const href = (/** @type {any} */ row) => (row.label === null ? null : address.label(row.label));
  return Plot.plot({
    width,
    height: 46 + 28 * data.classes.length,
    marginLeft: room(width),
    marginRight: 16,
    x: {label: of, tickFormat: "%", ticks: Math.max(2, width / 130), grid: true},
    y: {label: null, domain: data.classes.map(nameOf), tickSize: 0, tickFormat: (/** @type {string} */ name) => shortened(name, width)},
    color: {type: "identity"},
    marks: [
      Plot.barX(parts, Plot.stackX({x: "value", y: "name", fill: "tone", inset: 4, insetLeft: 0, insetRight: 0, title: said, href})),
      data.chance === null ? null : Plot.ruleX([data.chance], {stroke: "var(--ink-2)", strokeDasharray: "3,3"}),
      Plot.ruleY(wholes, {x1: "low", x2: "high", y: "name", stroke: "var(--ink)", strokeWidth: 2}),
      Plot.tickX(wholes, {x: "value", y: "name", stroke: "var(--ink)", strokeWidth: 2, inset: 5}),
      Plot.ruleX([0], {stroke: "var(--ink-3)"}),
    ],
  });
}

/** @param {string} name  @param {number} width */
function shortened(name, width) {
  const fits = Math.floor(room(width) / 6);
  return name.length > fits ? `${name.slice(0, fits - 1)}…` : name;
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function table(data, parent) {
  const shown = data.changes.filter((change) => change !== "own texture");
  const random = data.classes[0]?.control;
  const cells = (/** @type {Row} */ row) =>
    shown.map((change) => element("td.number", {title: between(row.accuracy[change])}, percent(row.accuracy[change].value, 0)));
  parent.append(
    element("h3", {style: {"margin-top": "18px"}}, "Accuracy when something is taken away"),
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ["class", "clips"].map(head), shown.map((change) => element("th.number", {scope: "col"}, term(change, CHANGES[change]))))),
        element(
          "tbody",
          {},
          data.classes.map((row) =>
            element("tr", {}, element("td", {}, row.label === null ? nameOf(row) : element("a", {href: address.label(row.label)}, row.label)), element("td.number", {}, count(row.clips)), cells(row)),
          ),
          random && element("tr.quiet", {}, element("td", {}, "all, random weights"), element("td.number", {}, count(data.classes[0].clips)), cells(random)),
        ),
      ),
    ),
  );
}

/** @param {string} text */
const head = (text) => element("th", {scope: "col"}, text);

/**
 * @param {Data} data
 * @param {Element} parent
 */
function strongest(data, parent) {
  const body = section(
    parent,
    "The units at either end",
    null,
    "How much of its answer each owes to the one, or needs both for, with the 95 % interval over clips; the surest first. Layers that only one of the two reaches are left out.",
  );
  body.classList.add("split");
  for (const [name, title, tone] of [
    ["motion", "Most driven by motion", "motion"],
    ["appearance", "Most driven by appearance", "appearance"],
    ["joint", "Needing both together", "both"],
  ]) {
    const part = element("div", {}, element("h3", {}, title));
    body.append(part);
    if (!data.most[name].length) part.append(element("p.quiet", {}, "None could be measured."));
    bars(
      part,
      data.most[name].map((each) => ({
        text: each.unit,
        value: each.value,
        shown: between(each),
        href: address.unit(each.unit),
        tone,
      })),
      {name: title, most: 1},
    );
  }
}

/**
 * What is left of the middle unit's answer, layer by layer.
 * @param {Data} data
 * @param {Element} parent
 */
function kept(data, parent) {
  const shown = data.changes.slice(1);
  const cell = (/** @type {Interval} */ found) =>
    element(
      "td.number",
      {
        title: between(found),
        style: found.value === null ? {} : {background: `color-mix(in oklab, var(--cell-0), var(--motion) ${Math.round(70 * Math.max(0, Math.min(1, 1 - found.value)))}%)`},
      },
      percent(found.value, 0),
    );
  section(
    parent,
    "What is left of the answers",
    null,
    "The answer to changed clips, of the answer to the same clips as they are: the median over units. The darker, the more is lost. “own texture” tells what the moving of a still costs by itself; hover for intervals.",
  ).append(
    element(
      "div.scroll",
      {},
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, head("layer"), shown.map((change) => element("th.number", {scope: "col"}, term(change, CHANGES[change]))))),
        element(
          "tbody",
          {},
          data.layers.map((layer) =>
            element(
              "tr",
              {},
              element("td", {}, layerNamed(layer.name) ? element("a", {href: address.layer(layer.name)}, layer.name) : layer.name),
              shown.map((change) => cell(layer.kept[change])),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {any} told
 * @param {Element} card
 */
export function summary({accuracy, classes: ends, layer, kinds: many, chance, clips}, card) {
  if (accuracy) {
    const adds = (/** @type {Interval} */ found) => `${points(found.value)} (${points(found.low)} to ${points(found.high)})`;
    card.append(
      element(
        "p",
        {},
        `Of ${counted(clips, "clip")} it tells ${percent(accuracy.whole.value, 0)}; chance is ${percent(chance, 0)}. Appearance adds ${adds(accuracy.appearance)} points to that, motion ${adds(accuracy.motion)}.`,
      ),
    );
  }
  if (ends.length) {
    const needs = ends.slice(0, 2).filter((/** @type {any} */ each) => each.motion.value > 0);
    const least = ends[ends.length - 1];
    if (needs.length)
      card.append(
        element(
          "p",
          {},
          `Motion matters most to ${listed(needs.map((/** @type {any} */ each) => `${each.label} (${points(each.motion.value)} points)`))}, and least to ${least.label} (${points(least.motion.value)}).`,
        ),
      );
  }
  if (layer) {
    const beside = layer.control ? `; with random weights ${percent(layer.control.motion.value, 0)}` : "";
    card.append(element("p", {}, `The middle unit of ${layer.name} owes ${between(layer.motion)} of what both add to motion${beside}.`));
  }
  if (many.joint !== undefined)
    card.append(element("p", {}, `Where both arrive, ${counted(many.static, "unit")} follow appearance, ${count(many.dynamic)} motion, and ${count(many.joint)} only both together.`));
}

/**
 * @param {Data} data
 * @param {string} name
 * @param {Element} parent
 */
export function unit(data, name, parent) {
  const colon = name.lastIndexOf(":");
  const [units, channel] = [data.units[name.slice(0, colon)], Number(name.slice(colon + 1))];
  if (!units || channel >= units.kind.length) return;
  const body = section(
    parent,
    "Motion, appearance, or both?",
    null,
    `What is left of its answer when something is taken away from the ${data.per_unit} clips that excite it most, with the 95 % interval over clips.`,
  );
  body.append(verdict(data, units, channel));
  const rows = data.changes.slice(1).flatMap((change, i) => {
    const found = units.kept[i][channel];
    return found ? [{change, value: found[0], low: found[1], high: found[2]}] : [];
  });
  if (rows.length) chart(body, `What is left of the answer of ${name}`, (width) => answers(rows, width));
}

/**
 * @param {Data} data
 * @param {Units} units
 * @param {number} at
 */
function verdict(data, units, at) {
  const kind = units.kind[at];
  const words = [element("b", {}, kindWords[kind].name), `: ${kindWords[kind].says}`];
  if (units.static[at] !== null)
    words.push(` (scores: appearance ${decimal(units.static[at])}, motion ${decimal(units.dynamic[at])}, both ${decimal(units.both[at])}).`);
  else words.push(".");
  const part = (/** @type {Triple} */ found) => found && between({value: found[0], low: found[1], high: found[2]});
  const [look, move] = [part(units.appearance_adds[at]), part(units.motion_adds[at])];
  if (look && move) words.push(` To its answer appearance adds ${look}, motion ${move}`, `; the rest is there without either.`);
  const share = part(units.motion[at]);
  if (share) words.push(` So the share of motion is ${share}.`);
  const flow = units.flow && part(units.flow[at]);
  if (flow) words.push(` The flow stream's share is ${flow}.`);
  return element("p", {style: {"max-width": "76ch", "margin-bottom": "10px"}}, words);
}

/**
 * @param {{change: string, value: number, low: number, high: number}[]} rows
 * @param {number} width
 */
function answers(rows, width) {
  const said = (/** @type {any} */ row) => `${row.change}: ${number(row.value, 2)} (${number(row.low, 2)} to ${number(row.high, 2)}) of its answer`;
  return Plot.plot({
    width: Math.min(width, 640),
    height: 46 + 22 * rows.length,
    marginLeft: 104,
    marginRight: 16,
    x: {label: "of its answer to the clips as they are", tickFormat: "%", zero: true, nice: true, grid: true, ticks: Math.max(3, width / 120)},
    y: {label: null, domain: rows.map(({change}) => change), tickSize: 0},
    marks: [
      Plot.ruleX([1], {stroke: "var(--ink-3)", strokeDasharray: "3,3"}),
      Plot.ruleY(rows, {x1: "low", x2: "high", y: "change", stroke: "var(--motion)", strokeWidth: 2}),
      Plot.dot(rows, {x: "value", y: "change", fill: "var(--motion)", r: 4, title: said}),
    ],
  });
}
