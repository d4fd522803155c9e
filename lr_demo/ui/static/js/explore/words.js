// What the Explore page calls things: where figures come from, how runs ended, how steps compare.

import { el } from "../dom.js";

/** Where figures come from: icon, word, what it means. The colours are those of the stage's badges. */
export const ORIGINS = {
  measured: ["●", "measured here", "Measured by this program on this machine."],
  recorded: ["◷", "recorded elsewhere", "Measured on other hardware, not on this machine."],
  simulated: ["◇", "simulated", "No real model took part: no figure of it was measured on one."],
};

export const STATUSES = { finished: "finished", running: "running", stopped: "stopped", failed: "failed" };

/** How a step stands to the first run's step of the same number: sign, word. */
export const RELATIONS = {
  equal: ["=", "equal", "The same text apart from white space and case."],
  "same meaning": ["≈", "same meaning", "Other words; a verifier accepted this very pair."],
  different: ["≠", "different", "Other text, and no verdict that it means the same."],
  alone: ["+", "only here", "The first run had ended before."],
};

export const OUTCOMES = { accepted: "accepted", corrected: "corrected", target: "target’s own" };

export function originChip(origin, title) {
  const [icon, word, meaning] = ORIGINS[origin];
  return el("span.chip", { "data-look": origin, title: title ?? meaning }, `${icon} ${word}`);
}

/** The day and time of an ISO timestamp, the year where it is not this one. */
export function when(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "time unknown";
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return date.toLocaleString("en", { day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit", hour12: false });
}

/** Where a run's figures come from, for a hover. */
export const source = (run) => `${ORIGINS[run.origin][1]}, from the trace of run ${run.id}, ${when(run.began)}${run.hardware ? `, ${run.hardware}` : ""}`;

export const modelsInWords = (models) => Object.entries(models).map(([role, model]) => `${role} ${model}`).join(" · ");
