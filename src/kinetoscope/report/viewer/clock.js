// @ts-check
// The clock: which frame does every player show now?
//
// There is one clock, so that everything on a page moves together: a stimulus's appearance, its
// flow and the real clips beside it. Players with fewer frames than the longest start over sooner.

const FRAMES_PER_SECOND = 8;

/** @typedef {{element: Element, draw: (frame: number) => void, met: boolean}} Player */

function makeClock() {
  /** @type {Set<Player>} */ const players = new Set();
  /** @type {Set<() => void>} */ const watchers = new Set();
  let position = 0;
  let length = 0;
  let speed = 1;
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let before = 0;
  let asked = 0;

  const frame = () => Math.floor(position) % Math.max(1, length);

  function tell() {
    for (const player of players) {
      if (player.element.isConnected) {
        player.met = true;
        player.draw(frame());
      } else if (player.met) players.delete(player); // it was taken off the page
    }
    for (const watch of watchers) watch();
  }

  /** @param {number} now  milliseconds */
  function tick(now) {
    asked = 0;
    const shown = frame();
    const passed = Math.max(0, Math.min(250, now - before)); // a frame may begin before who joined in it
    position = (position + (passed / 1000) * FRAMES_PER_SECOND * speed) % Math.max(1, length);
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
     * @param {Element} element  what plays; it leaves when it is taken off the page
     * @param {number} frames  how many it has
     * @param {(frame: number) => void} draw
     */
    join(element, frames, draw) {
      players.add({element, draw, met: false});
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
