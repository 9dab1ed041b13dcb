// @ts-check
// Embedding: how do clips lie on a plane, as a layer sees them, and how far can that be trusted?

import {address} from "kinetoscope/address";
import {drawMap} from "kinetoscope/chapters/embedding_map";
import {picture} from "kinetoscope/chapters/embedding_picture";
import {intervals, said, signed} from "kinetoscope/chapters/sure";
import {choice, element, section} from "kinetoscope/element";
import {count, counted, decimal, percent} from "kinetoscope/words";

/** @typedef {import("kinetoscope/chapters/sure").Sure} Sure */
/** @typedef {import("kinetoscope/player").Track} Track */
/** @typedef {{row: number, path: string, label: string | null, predicted: string}} Clip */
/**
 * @typedef {object} Drawn
 * @property {string} layer
 * @property {"tsne" | "umap"} method
 * @property {number} features
 * @property {number} kept
 * @property {number} perplexity
 * @property {[number, number][]} points
 * @property {number} columns
 * @property {number} rows
 * @property {number[]} cells
 * @property {Sure} trustworthiness
 * @property {Sure} scattered
 * @property {Sure | null} agreement
 * @property {Sure | null} in_features
 * @property {Sure | null} lost
 * @property {Sure | null} shuffled
 * @property {Sure | null} random
 */
/** @typedef {{point: [number, number], near: number[], labels: Record<string, number>, far: number | null}} Among */
/**
 * @typedef {object} Placed
 * @property {{path: string, predicted: string, probability: number}[]} clips
 * @property {{layer: string, method: string, clips: Among[]}[]} maps
 * @property {{path: string, error: string}[]} failures
 * @property {Track | null} pictures
 */
/**
 * @typedef {object} Data
 * @property {string[]} labels
 * @property {number} neighbours
 * @property {Clip[]} clips
 * @property {Drawn[]} maps
 * @property {Track | null} pictures
 * @property {Placed | null} placed
 * @property {({layer?: string, path?: string, error: string})[]} failures
 */

const METHODS = {tsne: "t-SNE", umap: "UMAP"};
const TEN = ["#4269d0", "#efb118", "#ff725c", "#3ca951", "#a463f2", "#6cc5b0", "#ff8ab7", "#9c6b4e", "#97bbf5", "#9498a0"];

/** @param {Data} data  @returns {(label: string | null) => string} */
function coloursOf({labels}) {
  const many = labels.length > TEN.length;
  const found = new Map(
    labels.map((label, i) => [label, many ? `oklch(${[0.62, 0.76, 0.5][i % 3]} 0.15 ${(i * 137.5) % 360})` : TEN[i]]),
  );
  return (label) => found.get(label ?? "") ?? "var(--grey)";
}

/** @param {Drawn} map */
const nameOf = ({layer, method}) => `${layer}, ${METHODS[method]}`;

/**
 * @param {Data} data
 * @param {Element} parent
 */
export function show(data, parent) {
  const colours = coloursOf(data);
  const several = new Set(data.maps.map(({method}) => method)).size > 1;
  const state = {map: lastMap(data), view: "points", /** @type {string | null} */ label: null};
  const drawn = element("div", {style: {flex: "3 1 300px", "min-width": "0", position: "relative"}});
  const below = element("div");
  const legend = legendOf(data, colours, (label) => {
    state.label = label;
    draw();
  });
  const body = section(
    parent,
    "The map",
    null,
    "Clips that the layer takes for alike lie together. Only neighbourhoods count: how far apart two groups lie, and how wide they are, says little. Each clip is a link.",
  );
  const pick = element(
    "select",
    {"aria-label": "layer", on: {change: (/** @type {any} */ event) => choose(Number(event.target.value))}},
    data.maps.map((map, place) =>
      element("option", {value: place, selected: map === state.map}, several ? nameOf(map) : map.layer),
    ),
  );
  const views = [
    {value: "points", text: "points"},
    {value: "pictures", text: "pictures", title: "one clip a cell, near where it lies on the map"},
  ];
  body.append(
    element(
      "div.tools",
      {},
      data.maps.length > 1 && pick,
      data.pictures &&
        choice("how clips are shown", views, "points", (value) => {
          state.view = value;
          draw();
        }),
      element("span", {}, `${counted(data.clips.length, "clip")}${several ? "" : `, ${METHODS[state.map.method]}`}`),
    ),
    element("div", {style: {display: "flex", "flex-wrap": "wrap", gap: "14px 26px", "align-items": "flex-start"}}, drawn, legend),
  );
  parent.append(below);
  /** @param {number} place */
  function choose(place) {
    state.map = data.maps[place];
    draw();
    tell();
  }
  function draw() {
    const parts = {...state, clips: data.clips, pictures: data.pictures, colours};
    drawMap(drawn, {...parts, placed: among(data, state.map), placedPictures: data.placed?.pictures ?? null});
  }
  function tell() {
    below.replaceChildren();
    quality(data, state.map, below);
    newClips(data, state.map, below);
  }
  draw();
  tell();
  unmade(data, parent);
}

/** The map of the deepest layer. @param {Data} data */
const lastMap = ({maps}) => maps.find(({layer}) => layer === maps[maps.length - 1].layer) ?? maps[0];

/** @param {Data} data  @param {Drawn} map */
function among({placed}, map) {
  const found = placed?.maps.find(({layer, method}) => layer === map.layer && method === map.method);
  if (!placed || !found) return [];
  return found.clips.map((each, place) => ({...each, ...placed.clips[place]}));
}

/**
 * @param {Data} data
 * @param {(label: string | null) => string} colours
 * @param {(label: string | null) => void} onChoice
 */
function legendOf({labels, clips, placed}, colours, onChoice) {
  /** @type {string | null} */
  let chosen = null;
  const many = new Map();
  for (const {label} of clips) many.set(label, (many.get(label) ?? 0) + 1);
  const buttons = labels.map((label) =>
    element(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        title: "show this class alone",
        style: {border: "0", background: "none", padding: "1px 6px 1px 0", "text-align": "left", "font-size": "13px"},
        on: {click: () => choose(label)},
      },
      element("span.dot", {style: {background: colours(label)}}),
      label,
      element("span.quiet", {}, ` ${count(many.get(label) ?? 0)}`),
    ),
  );
  /** @param {string} label */
  function choose(label) {
    chosen = chosen === label ? null : label;
    labels.forEach((each, i) => {
      buttons[i].setAttribute("aria-pressed", String(each === chosen));
      buttons[i].style.opacity = chosen === null || each === chosen ? "1" : "0.4";
    });
    onChoice(chosen);
  }
  const others = [
    many.get(null) && element("span.quiet", {style: {"font-size": "13px"}}, element("span.dot", {style: {background: "var(--grey)"}}), `no class ${count(many.get(null))}`),
    placed && element("span.quiet", {style: {"font-size": "13px"}}, "◆ new clips"),
  ];
  return element(
    "div",
    {role: "group", "aria-label": "classes", style: {flex: "1 1 150px", display: "grid", "grid-template-columns": "repeat(auto-fill, minmax(150px, 1fr))", "align-content": "start", "max-height": "520px", overflow: "auto"}},
    buttons,
    others,
  );
}

/**
 * @param {Data} data
 * @param {Drawn} map
 * @param {Element} parent
 */
function quality(data, map, parent) {
  const body = section(
    parent,
    "How far it can be trusted",
    null,
    `Of each clip's ${data.neighbours} nearest. Above, whether neighbours on the map are neighbours in ${map.layer} (${counted(map.features, "unit")}), and the same of these points dealt out at random. Below, how many of them have the clip's class, those of its own group left aside.`,
  );
  const lines = [
    {row: "trustworthiness", series: "here", found: map.trustworthiness},
    {row: "dealt at random", series: "control", found: map.scattered},
    {row: "same class: map", series: "here", found: map.agreement},
    {row: "same class: layer", series: "here", found: map.in_features},
    {row: "random weights", series: "control", found: map.random},
    {row: "shuffled classes", series: "control", found: map.shuffled},
  ].filter(({found}) => found);
  intervals(body, lines, {
    name: `How far the map of ${map.layer} can be trusted`,
    label: "share",
    series: [
      {name: "here", colour: "var(--both)"},
      {name: "control", colour: "var(--grey)"},
    ],
    shown: decimal,
    domain: [0, 1],
  });
  if (map.lost && map.lost.value !== null) body.append(element("p", {style: {"margin-top": "12px"}}, loss(map.lost)));
  if (map.kept < 0.995)
    body.append(element("p.note", {}, `The map stands on the fifty directions in which clips differ most, ${percent(map.kept)} of the variance.`));
}

/** @param {Sure} lost */
function loss(lost) {
  const [low, high] = [lost.low ?? 0, lost.high ?? 0];
  const told = said(lost, signed);
  if (low > 0) return `The map loses neighbours of the same class that the layer has: ${told} of them. Trust the layer.`;
  if (high < 0) return `The map looks better sorted than the layer is: the difference is ${told}. Trust the layer.`;
  return `The map is as well sorted as the layer: the difference is ${told}.`;
}

/**
 * @param {Data} data
 * @param {Drawn} map
 * @param {Element} parent
 */
function newClips(data, map, parent) {
  const found = among(data, map);
  if (!found.length) return;
  const body = section(
    parent,
    "New clips",
    counted(found.length, "clip"),
    "Put where their nearest neighbours lie; the map stays as it is. A clip that is far from all of them is like none, wherever it was put.",
  );
  const nearest = new Map(data.clips.map((clip) => [clip.row, clip]));
  body.append(
    element(
      "ul.plain",
      {},
      found.map(({path, predicted, probability, near, labels, far}, place) =>
        element(
          "li",
          {style: {display: "flex", gap: "12px", "align-items": "center"}},
          data.placed?.pictures && picture(data.placed.pictures, place, 48),
          element(
            "div",
            {},
            element("b", {}, path.split("/").pop()),
            ` is taken for ${predicted} (${percent(probability, 0)}). Its nearest: `,
            Object.entries(labels)
              .map(([label, many]) => `${many} ${label}`)
              .join(", "),
            ", first ",
            element("a", {href: address.clip(near[0])}, nearest.get(near[0])?.path ?? `clip ${near[0]}`),
            far !== null && `, ${far < 10 ? far.toFixed(1) : far.toFixed(0)} times as far as clips here are from their nearest.`,
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {Data} data
 * @param {Element} parent
 */
function unmade({failures, placed}, parent) {
  const all = [...failures, ...(placed?.failures ?? [])];
  if (!all.length) return;
  section(parent, "What was not possible").append(
    element("ul.plain", {}, all.map((each) => element("li", {}, `${("layer" in each && each.layer) || each.path}: ${each.error}`))),
  );
}

/**
 * @param {{clips: number, best: {layer: string, method: "tsne" | "umap", trustworthiness: Sure, agreement: Sure | null, in_features: Sure | null, random: Sure | null}}} told
 * @param {Element} card
 */
export function summary({best}, card) {
  const {layer, trustworthiness, in_features: layers, random} = best;
  const beside = random ? `; with random weights ${percent(random.value, 0)}` : "";
  const share = (/** @type {number} */ value) => percent(value, 0);
  const sorted = layers ? `${said(layers, share)} of a clip's nearest neighbours in layer ${layer} have its class${beside}. ` : "";
  card.append(element("p", {}, `${sorted}Its map has a trustworthiness of ${said(trustworthiness, decimal)}.`));
}
