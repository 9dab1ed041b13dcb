// @ts-check
// Elements: how is a page built so that no text can ever become markup?
//
// Children that are text become text nodes. Nothing in the viewer assigns innerHTML.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */
/** @typedef {Record<string, any>} Attributes  `on` is a map of listeners; null leaves one out. */

/**
 * @param {string} tag  an HTML tag, with classes after dots: "div.card.wide"
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {any}
 */
export function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  return fill(made, attributes, children);
}

/**
 * @param {string} name
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {any}
 */
export function drawing(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/**
 * @param {Element} made
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (key === "style") {
      for (const [property, each] of Object.entries(value)) {
        /** @type {HTMLElement} */ (made).style.setProperty(property, String(each));
      }
    } else made.setAttribute(key, value === true ? "" : String(value));
  }
  append(made, children);
  return made;
}

/**
 * @param {Node} parent
 * @param {Child[]} children
 */
export function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * A heading and what stands below it.
 * @param {Element} parent
 * @param {string} title
 * @param {Child} [aside]  beside the heading: a control, a count
 * @param {Child} [note]  one quiet line below the heading
 */
export function section(parent, title, aside, note) {
  const body = element("div.body");
  const heading = element(
    "div.heading",
    {},
    element("h2", {}, title),
    aside && element("div.aside", {}, aside),
  );
  parent.append(element("section", {}, heading, note && element("p.note", {}, note), body));
  return body;
}

/**
 * One of a few, as buttons side by side.
 * @template T
 * @param {string} name  what is chosen, for those who cannot see it
 * @param {{value: T, text: string, title?: string}[]} options
 * @param {T} chosen
 * @param {(value: T) => void} onChoice
 */
export function choice(name, options, chosen, onChoice) {
  const buttons = options.map(({value, text, title}) =>
    element(
      "button",
      {type: "button", title, "aria-pressed": String(value === chosen), on: {click: () => choose(value)}},
      text,
    ),
  );
  /** @param {T} value */
  function choose(value) {
    options.forEach((option, i) => buttons[i].setAttribute("aria-pressed", String(option.value === value)));
    onChoice(value);
  }
  return element("div.choice", {role: "group", "aria-label": name}, buttons);
}
