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
 * @param {{name: string, crisp?: boolean, place?: Place | null, timeline?: boolean}} options
 *   `name` says what is seen to those who cannot; `crisp` shows pixels as squares; `place` is
 *   outlined while the clock is within it; `timeline` draws the clock under the picture.
 */
export function player(parent, track, {name, crisp = false, place = null, timeline = false}) {
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
  /** @type {HTMLImageElement | null} */ let image = null;
  let seen = false;

  /** @param {number} frame */
  function draw(frame) {
    if (!seen || !image) return;
    const shown = frame % track.count;
    drawFrame(pen, image, track, shown, 0);
    canvas.dataset.frame = String(shown);
    if (outline) outline.classList.toggle("now", shown >= (place?.start ?? 0) && shown <= (place?.end ?? 0));
    if (cursor) cursor.style.left = `${(100 * (shown + 0.5)) / track.count}%`;
  }

  seers.set(made, (inView) => {
    seen = inView;
    if (!seen) return;
    picture(track.src).then(
      (loaded) => {
        image = loaded;
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
 * @param {{name: string, crisp?: boolean}} options
 */
export function filmstrip(parent, track, {name, crisp = false}) {
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
  const strip = element("div.film", {title: "Click a frame to stop there", on: {click: seek}}, canvas, now);
  parent.append(strip);
  /** @param {MouseEvent} event */
  function seek(event) {
    const across = (event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth;
    clock.seek(Math.min(track.count - 1, Math.floor(across * track.count)));
  }
  const pen = canvas.getContext("2d");
  picture(track.src).then(
    (image) => {
      for (let frame = 0; frame < track.count; frame++) drawFrame(pen, image, track, frame, frame * step);
    },
    () => strip.replaceChildren(element("span.missing", {}, "picture missing")),
  );
  clock.join(strip, track.count, (frame) => {
    now.style.left = `${(100 * (frame % track.count) * step) / canvas.width}%`;
  });
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {HTMLImageElement} image
 * @param {Track} track
 * @param {number} frame
 * @param {number} left
 */
function drawFrame(pen, image, track, frame, left) {
  const {width, height, columns} = track;
  const column = frame % columns;
  const row = Math.floor(frame / columns);
  pen.drawImage(image, column * width, row * height, width, height, left, 0, width, height);
}

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
