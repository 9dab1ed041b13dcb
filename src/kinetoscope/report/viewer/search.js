// @ts-check
// Search: which unit, layer, clip or class is called this?

import {address} from "kinetoscope/address";
import {element} from "kinetoscope/element";
import {allClips, look} from "kinetoscope/look";

const MOST = 12;

/** @typedef {{kind: string, text: string, href: string}} Found */

/** @param {HTMLElement} parent */
export function search(parent) {
  /** @type {Found[]} */ let found = [];
  let chosen = 0;
  const list = element("ul", {id: "found", role: "listbox", "aria-label": "Found", hidden: true});
  const field = element("input", {
    type: "search",
    placeholder: "Find a unit, layer, class or clip",
    "aria-label": "Find a unit, layer, class or clip",
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": "found",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    on: {input: seek, focus: seek, keydown: key, blur: () => setTimeout(close, 150)},
  });
  parent.append(
    element("div.search", {role: "search"}, field, element("kbd", {"aria-hidden": "true"}, "/"), list),
  );

  async function seek() {
    found = await matches(field.value);
    chosen = 0;
    show();
  }
  function show() {
    list.hidden = !found.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(
      ...found.map(({kind, text, href}, i) =>
        element(
          "li",
          {role: "option", id: `found-${i}`, "aria-selected": String(i === chosen)},
          element(
            "a",
            {href, tabindex: -1, on: {click: close}},
            element("span.text", {}, text),
            element("span.kind", {}, kind),
          ),
        ),
      ),
    );
    if (found.length) field.setAttribute("aria-activedescendant", `found-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  }
  function close() {
    found = [];
    show();
  }
  /** @param {KeyboardEvent} event */
  function key(event) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step && found.length) {
      event.preventDefault();
      chosen = (chosen + step + found.length) % found.length;
      show();
    } else if (event.key === "Enter" && found[chosen]) {
      location.hash = found[chosen].href;
      close();
      field.value = "";
      field.blur();
    } else if (event.key === "Escape") field.blur();
  }
  return field;
}

/**
 * @param {string} text
 * @returns {Promise<Found[]>}
 */
async function matches(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  /** @type {Found[]} */ const found = [];
  const fits = (/** @type {string} */ name) => found.length < MOST && name.toLowerCase().includes(wanted);
  const colon = wanted.lastIndexOf(":");
  const [layerPart, channel] = colon < 0 ? [wanted, null] : [wanted.slice(0, colon), wanted.slice(colon + 1)];
  for (const {name} of look.labels)
    if (fits(name)) found.push({kind: "class", text: name, href: address.label(name)});
  for (const {name} of look.layers)
    if (fits(name)) found.push({kind: "layer", text: name, href: address.layer(name)});
  if (channel !== null) {
    for (const {name, channels, data} of look.layers) {
      if (!data || !name.toLowerCase().includes(layerPart)) continue;
      for (let i = 0; i < channels && found.length < MOST; i++) {
        if (String(i).startsWith(channel))
          found.push({kind: "unit", text: `${name}:${i}`, href: address.unit(`${name}:${i}`)});
      }
    }
  }
  if (found.length < MOST)
    for (const {id, name} of await allClips())
      if (fits(name)) found.push({kind: "clip", text: name, href: address.clip(id)});
  return found;
}
