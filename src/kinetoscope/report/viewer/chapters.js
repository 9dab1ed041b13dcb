// @ts-check
// Chapters: which module shows which kind of evidence?
//
// Each exports `show(data, parent)`, which fills its page, and may export `summary(summary, card)`,
// a few words for the overview, `unit(data, unit, parent)`, what it knows of one unit, and
// `clip(data, name, parent)`, what it knows of one clip.

import * as evolution from "kinetoscope/chapters/evolution";
import * as cues from "kinetoscope/chapters/cues";
import * as specificity from "kinetoscope/chapters/specificity";
import * as confusion from "kinetoscope/chapters/confusion";
import * as attribution from "kinetoscope/chapters/attribution";
import * as attributionCheck from "kinetoscope/chapters/attribution-check";
import * as audit from "kinetoscope/chapters/audit";
import * as invariance from "kinetoscope/chapters/invariance";
import * as tuning from "kinetoscope/chapters/tuning";
import * as probes from "kinetoscope/chapters/probes";
import * as similarity from "kinetoscope/chapters/similarity";
import * as embedding from "kinetoscope/chapters/embedding";
import * as health from "kinetoscope/chapters/health";

/**
 * @typedef {object} Shown
 * @property {(data: any, parent: Element) => void | Promise<void>} show
 * @property {(summary: any, card: Element) => void} [summary]
 * @property {(data: any, unit: string, parent: Element) => void} [unit]
 * @property {(data: any, clip: string, parent: Element) => void} [clip]
 */

/** @type {Record<string, Shown>} */
export const SHOWN = {
  specificity,
  confusion,
  attribution,
  "attribution-check": attributionCheck,
  cues,
  evolution,
  audit,
  invariance,
  tuning,
  probes,
  similarity,
  embedding,
  health,
};
