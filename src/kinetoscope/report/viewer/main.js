// @ts-check
// The report: which page is asked for, and what do the keys do?

import {address, parse} from "kinetoscope/address";
import {clock} from "kinetoscope/clock";
import {element} from "kinetoscope/element";
import {look} from "kinetoscope/look";
import {turnPage} from "kinetoscope/masthead";
import {chapter} from "kinetoscope/pages/chapter";
import {chapters} from "kinetoscope/pages/chapters";
import {clip} from "kinetoscope/pages/clip";
import {clips} from "kinetoscope/pages/clips";
import {label} from "kinetoscope/pages/label";
import {labels} from "kinetoscope/pages/labels";
import {layer} from "kinetoscope/pages/layer";
import {layers} from "kinetoscope/pages/layers";
import {objective} from "kinetoscope/pages/objective";
import {overview} from "kinetoscope/pages/overview";
import {unit} from "kinetoscope/pages/unit";
import {forgetPlayers} from "kinetoscope/player";
import {search} from "kinetoscope/search";
import {transport} from "kinetoscope/transport";

/** @type {Record<string, (asked: import("kinetoscope/address").Address, parent: Element) => void | Promise<void>>} */
const PAGES = {overview, layers, layer, unit, clips, clip, labels, label, objective, chapters, chapter};
/** Which entry of the menu a page belongs to. @type {Record<string, string>} */
const MENU = {
  layer: "layers",
  unit: "layers",
  clip: "clips",
  label: "labels",
  objective: "overview",
  chapter: "chapters",
};

const main = element("main", {id: "page", tabindex: -1});
const menu = [
  ["overview", "Overview"],
  ["layers", "Layers"],
  ["labels", "Classes"],
  ["clips", "Clips"],
  ["chapters", "Evidence"],
]
  .filter(([page]) => page !== "clips" || look.clips)
  .filter(([page]) => page !== "chapters" || look.chapters.length || look.not_done.length)
  .map(([page, text]) => element("a", {href: `#${page}`, "data-page": page}, text));
const bar = element(
  "header.topbar",
  {},
  element(
    "a.brand",
    {href: address.overview(), "aria-label": "Kinetoscope, overview"},
    element("i.lens", {"aria-hidden": "true"}),
    element("span", {}, "Kinetoscope"),
  ),
  element("nav", {"aria-label": "Report"}, menu),
);
const field = search(bar);
document.body.append(
  element("button.skip", {type: "button", on: {click: () => main.focus()}}, "Skip to the page"),
  bar,
  main,
);
transport(document.body);

let turn = 0;

async function show() {
  const asked = parse(location.hash);
  const mine = ++turn;
  clock.clear();
  forgetPlayers();
  const page = element("div.page");
  main.replaceChildren(page);
  scrollTo(0, 0);
  for (const entry of menu) {
    if (entry.dataset.page === (MENU[asked.page] ?? asked.page)) entry.setAttribute("aria-current", "page");
    else entry.removeAttribute("aria-current");
  }
  try {
    const make = Object.hasOwn(PAGES, asked.page) ? PAGES[asked.page] : null;
    if (!make) throw new Error(`unknown page: ${asked.page}`);
    await make(asked, page);
  } catch (error) {
    if (mine === turn)
      page.append(
        element(
          "section.trouble",
          {role: "alert"},
          element("h1", {}, "Nothing here"),
          element("p", {}, String(/** @type {Error} */ (error).message)),
          element("p", {}, element("a", {href: address.overview()}, "Back to the overview")),
        ),
      );
  }
  if (mine !== turn) return;
  const heading = page.querySelector("h1")?.textContent;
  document.title =
    heading && heading !== look.network.name
      ? `${heading} · ${look.network.name}`
      : `${look.network.name} · Kinetoscope`;
}

/** @param {KeyboardEvent} event */
function keys(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea")) return;
  if (event.key === "/") field.focus();
  else if (event.key === " " && !target.closest("button, summary")) clock.toggle();
  else if (event.key === "ArrowLeft" && !target.closest(".network, .scroll")) turnPage("previous");
  else if (event.key === "ArrowRight" && !target.closest(".network, .scroll")) turnPage("next");
  else if (event.key === ",") clock.seek(clock.frame - 1);
  else if (event.key === ".") clock.seek(clock.frame + 1);
  else return;
  event.preventDefault();
}

addEventListener("hashchange", show);
addEventListener("keydown", keys);
show();
