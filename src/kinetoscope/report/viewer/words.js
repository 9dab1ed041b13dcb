// @ts-check
// Words: how is a measurement said so that it can't be misread?

/** @typedef {number | null | undefined} Measured */

/** @param {Measured} share */
export const percent = (share, digits = 1) =>
  share === null || share === undefined
    ? "–"
    : `${(100 * share).toFixed(share === 1 || share === 0 ? 0 : digits)} %`;

/** @param {Measured} value */
export function number(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(digits - 1);
  return size >= 10 ** digits ? count(Math.round(value)) : String(Number(value.toPrecision(digits)));
}

/** @param {Measured} value */
export const decimal = (value, digits = 2) =>
  value === null || value === undefined ? "–" : value.toFixed(digits);

/** @param {Measured} value  a whole number, with thin spaces between the thousands */
export const count = (value) =>
  value === null || value === undefined ? "–" : String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

/**
 * @param {number} many
 * @param {string} one
 * @param {string} [more]
 */
export const counted = (many, one, more = `${one}s`) => `${count(many)} ${many === 1 ? one : more}`;

/** @param {readonly number[] | null | undefined} size  frames, rows, columns */
export const extent = (size) =>
  !size
    ? "–"
    : size.length === 3
      ? `${counted(size[0], "frame")}, ${size[1]} × ${size[2]} px`
      : size.join(" × ");

/** @param {Measured} ratio  activation of a stimulus over that of the best real clip */
export const times = (ratio) =>
  ratio === null || ratio === undefined ? "–" : `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×`;

/**
 * What a stimulus reached against what it is held against, as a sentence.
 * @param {Measured} ratio
 * @param {string} rival  "best real clip"
 */
export function reached(ratio, rival) {
  const kind = rival.replace("best ", "");
  if (ratio === null || ratio === undefined)
    return `No ${kind} excites this unit, so there is nothing to hold its stimuli against.`;
  if (ratio > 1.005)
    return `The best stimulus excites this unit ${ratio.toFixed(ratio < 10 ? 2 : 1)} times as strongly as the ${rival} does.`;
  if (ratio < 0.995)
    return `The best stimulus reaches ${percent(ratio, 0)} of what the ${rival} reaches: some clip shows this unit more of what it likes.`;
  return `The best stimulus excites this unit as strongly as the ${rival} does.`;
}

/** @param {number} seconds */
export const clockTime = (seconds) => `${seconds.toFixed(2)} s`;

/**
 * Slowness in a word, among the slownesses that were asked for.
 * @param {number} place  0 is the slowest
 * @param {number} many
 */
export function paceWord(place, many) {
  const words = [
    ["stimulus"],
    ["slow", "fast"],
    ["slow", "medium", "fast"],
    ["slowest", "slow", "fast", "fastest"],
  ][many - 1];
  if (words) return words[place];
  return place === 0 ? "slowest" : place === many - 1 ? "fastest" : "";
}

/** @param {string[]} items */
export const listed = (items) =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;

/** What a look asks. */
export const QUESTIONS = [
  "Motion, appearance, or both?",
  "Specific or general?",
  "How does abstraction grow?",
  "Why does it fail?",
];
