// @ts-check
// Addresses: how is each unit, layer, clip and class linked to, and what does a link ask for?
//
// A unit is written layer:channel, as everywhere: #unit/fusion:17

/** @typedef {{page: string, name: string, ask: URLSearchParams}} Address */

/** @param {string} text */
const escaped = (text) => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2B", "+");

export const address = {
  overview: () => "#overview",
  layers: () => "#layers",
  /** @param {string} name */
  layer: (name) => `#layer/${escaped(name)}`,
  /** @param {string} unit */
  unit: (unit) => `#unit/${escaped(unit)}`,
  /** @param {number} id */
  clip: (id) => `#clip/${id}`,
  /** @param {string} written */
  objective: (written) => `#objective/${escaped(written)}`,
  chapters: () => "#chapters",
  /** @param {string} kind  @param {Record<string, string>} [ask] */
  chapter: (kind, ask) => `#chapter/${escaped(kind)}${ask ? `?${new URLSearchParams(ask)}` : ""}`,
  labels: () => "#labels",
  /** @param {string} name */
  label: (name) => `#label/${escaped(name)}`,
  /** @param {{label?: string, predicted?: string, only?: string}} [ask] */
  clips: (ask) => (ask ? `#clips?${new URLSearchParams(ask)}` : "#clips"),
};

/**
 * @param {string} hash
 * @returns {Address}
 */
export function parse(hash) {
  const [path, ask = ""] = hash.replace(/^#/, "").split("?", 2);
  const slash = path.indexOf("/");
  const page = slash < 0 ? path : path.slice(0, slash);
  return {
    page: page || "overview",
    name: slash < 0 ? "" : decoded(path.slice(slash + 1)),
    ask: new URLSearchParams(ask),
  };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * @param {string} unit
 * @returns {[string, number]} the layer and the channel
 */
export function parts(unit) {
  const colon = unit.lastIndexOf(":");
  return [unit.slice(0, colon), Number(unit.slice(colon + 1))];
}
