// @ts-check
// The player: how does a strip of frames, one picture, move?
//
// All players follow one clock. A player loads its strip and draws only while it is in view.

import {clock} from "kinetoscope/clock";
import {element} from "kinetoscope/element";

/**
 * Frames side by side in one picture, row by row; `src` is relative to the report.
 * @typedef {{src: string, count: number, columns: number, width: number, height: number}} Track
 */
/**
 * Where a maximum lies: fractions of the frame, and frames of the clip (both inclusive).
 * @typedef {{left: number, top: number, width: number, height: number, start: number, end: number}} Place
 */

const WIDEST = 176; // pixels, of a frame in a filmstrip

/** @type {Map<string, Promise<HTMLImageElement>>} */
const pictures = new Map();

/** @type {WeakMap<Element, (seen: boolean) => void>} */
const seers = new WeakMap();
const eye = new IntersectionObserver(
  (entries) => entries.forEach(({target, isIntersecting}) => seers.get(target)?.(isIntersecting)),
  {rootMargin: "160px"},
);

/** Another page begins: what left it need not be watched. */
export const forgetPlayers = () => eye.disconnect();

/** @param {string} src */
export function picture(src) {
  let found = pictures.get(src);
  if (!found) {
    const image = new Image();
    image.src = src;
    found = image.decode().then(() => image);
    pictures.set(src, found);
  }
  return found;
}

/**
 * @param {Element} parent
 * @param {Track} track
 * @param {{name: string, crisp?: boolean, place?: Place | null, timeline?: boolean, opacity?: Track | null}} options
 *   `name` says what is seen to those who cannot; `crisp` shows pixels as squares; `place` is
 *   outlined while the clock is within it; `timeline` draws the clock under the picture; `opacity`
 *   lets only parts of it through.
 */
export function player(parent, track, {name, crisp = false, place = null, timeline = false, opacity = null}) {
  const canvas = element("canvas", {
    role: "img",
    "aria-label": name,
    width: track.width,
    height: track.height,
    class: crisp ? "crisp" : null,
  });
  const outline = place && element("div.place", {style: outlineStyle(place)});
  const cursor = timeline && element("div.cursor");
  const screen = element(
    "div.screen",
    {style: {"aspect-ratio": `${track.width} / ${track.height}`}},
    canvas,
    outline,
  );
  const made = element("div.player", {}, screen, cursor && timelineUnder(track, place, cursor));
  parent.append(made);
  const pen = canvas.getContext("2d");
  /** @type {Pictures | null} */ let loaded = null;
  let seen = false;

  /** @param {number} frame */
  function draw(frame) {
    if (!seen || !loaded) return;
    const shown = frame % track.count;
    drawFrame(pen, loaded, shown, 0);
    canvas.dataset.frame = String(shown);
    if (outline) outline.classList.toggle("now", shown >= (place?.start ?? 0) && shown <= (place?.end ?? 0));
    if (cursor) cursor.style.left = `${(100 * (shown + 0.5)) / track.count}%`;
  }

  seers.set(made, (inView) => {
    seen = inView;
    if (!seen) return;
    picturesOf(track, opacity).then(
      (found) => {
        loaded = found;
        draw(clock.frame);
      },
      () => screen.replaceChildren(element("span.missing", {}, "picture missing")),
    );
  });
  eye.observe(made);
  clock.join(made, track.count, draw);
  return made;
}

/**
 * Every frame beside the next, to read motion without playing.
 * @param {Element} parent
 * @param {Track} track
 * @param {{name: string, crisp?: boolean, opacity?: Track | null}} options
 */
export function filmstrip(parent, track, {name, crisp = false, opacity = null}) {
  const gap = Math.max(1, Math.round(track.width / 32));
  const step = track.width + gap;
  const canvas = element("canvas", {
    role: "img",
    "aria-label": `${name}, all ${track.count} frames`,
    width: track.count * step - gap,
    height: track.height,
    class: crisp ? "crisp" : null,
  });
  const now = element("div.now", {style: {width: `${(100 * track.width) / canvas.width}%`}});
  const strip = element(
    "div.film",
    {
      title: "Click a frame to stop there",
      style: {"max-width": `${track.count * WIDEST}px`},
      on: {click: seek},
    },
    canvas,
    now,
  );
  parent.append(strip);
  /** @param {MouseEvent} event */
  function seek(event) {
    const across = (event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth;
    clock.seek(Math.min(track.count - 1, Math.floor(across * track.count)));
  }
  const pen = canvas.getContext("2d");
  picturesOf(track, opacity).then(
    (loaded) => {
      for (let frame = 0; frame < track.count; frame++) drawFrame(pen, loaded, frame, frame * step);
    },
    () => strip.replaceChildren(element("span.missing", {}, "picture missing")),
  );
  clock.join(strip, track.count, (frame) => {
    now.style.left = `${(100 * (frame % track.count) * step) / canvas.width}%`;
  });
}

/** @typedef {{track: Track, image: HTMLImageElement, veil: HTMLImageElement | null, opacity: Track | null}} Pictures */

/** @param {Track} track  @param {Track | null} opacity  @returns {Promise<Pictures>} */
async function picturesOf(track, opacity) {
  const [image, veil] = await Promise.all([picture(track.src), opacity ? picture(opacity.src) : null]);
  return {track, image, veil, opacity};
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Pictures} pictures
 * @param {number} frame
 * @param {number} left
 */
function drawFrame(pen, {track, image, veil, opacity}, frame, left) {
  const {width, height} = track;
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, width, height);
  pen.clip();
  pen.clearRect(left, 0, width, height); // what is drawn may let through what lies under it
  pen.drawImage(image, ...cellOf(track, frame), left, 0, width, height);
  if (veil && opacity) {
    pen.globalCompositeOperation = "destination-in";
    pen.drawImage(veil, ...cellOf(opacity, frame), left, 0, width, height);
  }
  pen.restore();
}

/** @param {Track} track  @param {number} frame  @returns {[number, number, number, number]} */
const cellOf = ({width, height, columns}, frame) => [
  (frame % columns) * width,
  Math.floor(frame / columns) * height,
  width,
  height,
];

/** @param {Place} place */
const outlineStyle = ({left, top, width, height}) => ({
  left: `${100 * left}%`,
  top: `${100 * top}%`,
  width: `${100 * width}%`,
  height: `${100 * height}%`,
});

/**
 * @param {Track} track
 * @param {Place | null} place
 * @param {HTMLElement} cursor
 */
function timelineUnder(track, place, cursor) {
  const span =
    place &&
    element("div.span", {
      style: {
        left: `${(100 * place.start) / track.count}%`,
        width: `${(100 * (place.end + 1 - place.start)) / track.count}%`,
      },
    });
  return element("div.timeline", {"aria-hidden": "true"}, span, cursor);
}
