// @ts-check
// The clock: which frame does every player show now?
//
// There is one clock, so that everything on a page moves together: a stimulus's appearance, its
// flow and the real clips beside it. Players with fewer frames than the longest start over sooner.

const FRAMES_PER_SECOND = 8;

/** @typedef {(frame: number) => void} Listener */

function makeClock() {
  /** @type {Set<Listener>} */ const players = new Set();
  /** @type {Set<() => void>} */ const watchers = new Set();
  let position = 0;
  let length = 0;
  let speed = 1;
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let before = 0;
  let asked = 0;

  const frame = () => Math.floor(position) % Math.max(1, length);

  function tell() {
    for (const draw of players) draw(frame());
    for (const watch of watchers) watch();
  }

  /** @param {number} now  milliseconds */
  function tick(now) {
    asked = 0;
    const shown = frame();
    position =
      (position + (Math.min(250, now - before) / 1000) * FRAMES_PER_SECOND * speed) % Math.max(1, length);
    before = now;
    if (frame() !== shown) tell();
    run();
  }

  function run() {
    if (!playing || asked || !players.size) return;
    asked = requestAnimationFrame(tick);
  }

  return {
    get frame() {
      return frame();
    },
    get length() {
      return length;
    },
    get playing() {
      return playing;
    },
    get speed() {
      return speed;
    },
    /**
     * @param {number} frames  how many the player has
     * @param {Listener} draw
     */
    join(frames, draw) {
      players.add(draw);
      length = Math.max(length, frames);
      before = performance.now();
      for (const watch of watchers) watch();
      run();
    },
    /** @param {() => void} watch  told of every change, for as long as the report is open */
    watch(watch) {
      watchers.add(watch);
    },
    /** Another page begins. */
    clear() {
      players.clear();
      length = 0;
      position = 0;
      for (const watch of watchers) watch();
    },
    toggle(wanted = !playing) {
      playing = wanted;
      before = performance.now();
      tell();
      run();
    },
    /** @param {number} wanted */
    faster(wanted) {
      speed = wanted;
      tell();
    },
    /** @param {number} wanted  a frame; the clock stops there */
    seek(wanted) {
      playing = false;
      position = ((wanted % length) + length) % Math.max(1, length);
      tell();
    },
  };
}

export const clock = makeClock();
