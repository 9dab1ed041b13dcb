// @ts-check
// The look: what did the evidence say? Read from the page, the larger parts when first asked for.
//
// Browsers refuse `fetch` from disk, so the larger parts are scripts that hand over plain data.

/** @typedef {import("kinetoscope/player").Track} Track */
/** @typedef {import("kinetoscope/player").Place} Place */
/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} kind
 * @property {number} channels
 * @property {number[] | null} shape  channels, time, height, width
 * @property {number[] | null} receptive_field  frames, pixels, pixels
 * @property {number[] | null} stride  frames, pixels, pixels
 * @property {"appearance" | "motion" | "both"} lane
 * @property {boolean} scanned
 * @property {number} dead
 * @property {boolean} sloped  whether its units can be maximized
 * @property {number} stimuli  how many units have stimuli
 * @property {number} suspicious  how many units' best stimuli take another path than real clips
 * @property {number | null} ratio  median over its units, best stimulus each
 * @property {number | null} selectivity  median over its live units
 * @property {string | null} data  where its units are
 * @property {Sprite[]} sprites  a few units to show it by
 */
/** @typedef {{unit: string, frames: Track | null, flow: Track | null, opacity: Track | null, ratio: number | null}} Sprite */
/** @typedef {{right: number, down: number}} Motion  pixels per frame */
/** @typedef {{right: number, down: number, over_time: number}} Peak  cycles per pixel, cycles per frame */
/**
 * A stimulus, as far as pages of many need it.
 * @typedef {object} Brief
 * @property {number} slowness
 * @property {number | null} activation
 * @property {number | null} ratio
 * @property {number | null} speed  pixels per frame
 * @property {Track | null} frames
 * @property {Track | null} flow  by the colour wheel
 * @property {Track | null} opacity  what of it mattered
 * @property {boolean} woken  its unit was silent at first
 * @property {boolean} suspicious  its path through earlier layers is not that of real clips
 */
/**
 * @typedef {object} Measures
 * @property {number | null} ratio_over_transforms
 * @property {number | null} percentile
 * @property {number | null} rank
 * @property {number | null} units
 * @property {number | null} specificity
 * @property {Peak | null} frames_peak
 * @property {Peak | null} flow_peak
 * @property {number | null} spectrum_distance  decibels
 * @property {number | null} speeds_distance  octaves
 * @property {Record<string, number>} path  similarity by earlier layer
 * @property {Record<string, number>} shares  of each stream
 * @property {number | null} activation_spread
 * @property {number | null} stability
 * @property {number | null} tie_gap
 */
/**
 * @typedef {object} More
 * @property {number} number  among several different ones of one slowness
 * @property {string} writing
 * @property {number} seed
 * @property {number} went_on  how often, since a slower stimulus was not calmer
 * @property {Record<string, string>} held  what stood in each stream that was not made
 * @property {number | null} mean_activation
 * @property {Track | null} components  right, down and speed as red, green and blue
 * @property {Motion | null} frames_motion  measured in its appearance
 * @property {Motion | null} flow_motion  measured in its flow
 * @property {Measures} measures
 * @property {Record<string, number[]>} history
 */
/** @typedef {Omit<Brief, "speed"> & More} Stimulus */
/** @typedef {Place & {of: number, pixels: number[], clip: number[]}} Where  where in the clip a part of it lies */
/**
 * All that is known of the stimuli of one objective.
 * @typedef {object} Part
 * @property {string} objective
 * @property {number | null} best_real
 * @property {string | null} reference  what activations are held against
 * @property {number | null} full_colour  pixels per frame
 * @property {number | null} contrast  by how much the appearance's is drawn stronger than it is
 * @property {Where | null} where
 * @property {Stimulus[]} stimuli  the slowest first
 */
/** @typedef {{objective: string, told: string}} Link  where a part is */
/**
 * @typedef {object} Unit
 * @property {string} unit  layer:channel
 * @property {number} channel
 * @property {boolean | null} dead
 * @property {number | null} best_real
 * @property {number | null} selectivity
 * @property {number | null} preferred  a label's place
 * @property {(number | null)[] | null} profile  mean over the clips of each label
 * @property {{edges: number[], counts: number[]} | null} histogram  of its maximum in each clip
 * @property {Brief[]} stimuli  the slowest first
 * @property {string | null} told  where all is told of them
 * @property {Link[]} others  other objectives that speak of it
 * @property {Hit[]} top
 * @property {Hit[]} [middle]  around the median of the clips that excite it at all
 * @property {Hit[]} [bottom]
 * @property {number | null} [excited]  how many videos excite it at all
 * @property {LedBack | null} [led_back]
 */
/** @typedef {{clip: number, activation: number, seconds: number | null, place: Place | null}} Hit */
/**
 * What in its best clips excites a unit: strips of all of them in threes, by stream.
 * @typedef {{count: number} & Record<string, {frames?: Track, flow?: Track}>} LedBack
 */
/**
 * @typedef {object} Clip
 * @property {number} id
 * @property {string} name
 * @property {number | null} label
 * @property {string | null} other_label  one that the network does not know
 * @property {number | null} predicted
 * @property {number | null} probability  of the prediction
 * @property {number[]} likely  labels' places, the likeliest first
 * @property {number[]} probabilities  of those
 * @property {string | null} error
 * @property {number[] | null} seconds
 * @property {Track | null} frames
 * @property {Track | null} flow
 * @property {{unit: string, activation: number, share: number}[]} units
 */
/**
 * @typedef {object} Label
 * @property {string} name
 * @property {number | null} count
 * @property {number | null} accuracy
 * @property {{unit: string, selectivity: number}[]} units  the most selective first
 */
/**
 * @typedef {object} Evaluation
 * @property {string} name
 * @property {number} top1
 * @property {number | null} top5
 * @property {number | null} mean_class_accuracy
 * @property {number | null} calibration_error
 * @property {{confidence: number, accuracy: number, count: number}[]} reliability
 * @property {number[][] | null} confusion  a row a true label
 * @property {number | null} videos
 * @property {string} protocol  the views, in words
 */
/** @typedef {{label: string, stimuli: Brief[], told: string | null, others: Link[]}} LabelStimuli */
/** @typedef {Pick<Clip, "id" | "name" | "label" | "frames" | "flow"> & {place: Place | null}} FigureClip */
/** @typedef {{unit: string, preferred: number | null, selectivity: number | null, ratio: number | null, stimuli: Brief[], clips: FigureClip[]}} FigureRow */
/**
 * @typedef {object} Maximization
 * @property {number} asked
 * @property {number} made
 * @property {{objective: string, reason: string}[]} failures
 * @property {string[]} left  for lack of time
 * @property {string | null} reference
 */
/**
 * @typedef {object} Look
 * @property {{name: string, labels: string[], expects: Record<string, any>, weights_count: number, weights_hash: string}} network
 * @property {string | null} catalog
 * @property {Layer[]} layers
 * @property {Evaluation | null} evaluation
 * @property {{name: string, top1: number}[]} variants  the same network, part of its input taken away
 * @property {Label[]} labels
 * @property {string | null} clips  where they are
 * @property {number} clips_count
 * @property {{where: string, error: string}[]} failures
 * @property {Track} key  the colour wheel
 * @property {number | null} clips_full_colour  pixels per frame
 * @property {Sprite[]} sprites
 * @property {FigureRow[]} figure
 * @property {string | null} label_stimuli  where those of the labels are
 * @property {Link[]} objectives  all that there are stimuli of
 * @property {Maximization | null} maximization
 * @property {Chapter[]} chapters
 * @property {{stage: string, error: string}[]} not_done  what could not be measured
 * @property {{above_one: number, measured: number, stimuli: number, suspicious: number, dead: number, scanned: number, pace: {slowness: number, count: number}[]}} sums
 * @property {{kind: string, folder: string, provenance: Record<string, any>}[]} provenance
 */

/**
 * A kind of evidence with a page of its own.
 * @typedef {object} Chapter
 * @property {string} kind
 * @property {string} title
 * @property {string} asks  what it answers
 * @property {number} question  to which of the four it belongs
 * @property {any} summary
 * @property {string} data  where all of it is
 * @property {{name: string, address: string}[]} tables
 */

/** @type {Map<string, any>} */
const arrived = new Map();
/** @type {Map<string, Promise<any>>} */
const asked = new Map();

/** @type {any} */ (globalThis).kinetoscope = {
  /** A script of data hands it over, and is known by its address. @param {any} value */
  take: (value) => arrived.set(document.currentScript?.getAttribute("src") ?? "", value),
};

/** @type {Look} */
export const look = JSON.parse(document.getElementById("look")?.textContent ?? "null");

/** @param {string} src  @returns {Promise<any>} */
function part(src) {
  let found = asked.get(src);
  if (!found) {
    found = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = src;
      script.onload = () => resolve(arrived.get(src));
      script.onerror = () => reject(new Error(`${src} is missing from the report's folder`));
      document.head.append(script);
    });
    asked.set(src, found);
  }
  return found;
}

/** @param {string} name */
export const layerNamed = (name) => look.layers.find((layer) => layer.name === name);

/** @param {Layer} layer  @returns {Promise<Unit[]>} */
export const unitsOf = (layer) => (layer.data ? part(layer.data) : Promise.resolve([]));

/** @returns {Promise<Clip[]>} */
export const allClips = () => (look.clips ? part(look.clips) : Promise.resolve([]));

/** @param {string} told  @returns {Promise<Part>} */
export const stimuliAt = (told) => part(told);

/** @param {Chapter} chapter  @returns {Promise<any>} */
export const chapterData = (chapter) => part(chapter.data);

/** @returns {Promise<LabelStimuli[]>} in the order of the labels */
export const labelStimuli = () => (look.label_stimuli ? part(look.label_stimuli) : Promise.resolve([]));

/** What activations are held against. */
export const reference = look.maximization?.reference ?? null;

/** @param {Clip} clip  the class that it is said to be */
export const labelOf = (clip) =>
  clip.label === null ? (clip.other_label ?? "no label") : labelName(clip.label);

/** @param {number | null} place */
export const labelName = (place) =>
  place === null ? "no label" : (look.network.labels[place] ?? `label ${place}`);
