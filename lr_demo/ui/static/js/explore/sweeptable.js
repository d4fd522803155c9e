// The table of a sweep: a row for each value, with the mean of its runs and how far they lie apart.

import { el } from "../dom.js";
import { factor, percent, rate } from "../format.js";
import { liveAddress } from "./address.js";

const PHASES = {
  waiting: "◌ waiting", queued: "◌ queued", running: "▶ running", finished: "✓ finished", stopped: "■ stopped",
  failed: "✗ failed", "left out": "– not run",
};
export const COLUMNS = ["state", "tokens/s", "AR tokens/s", "speedup", "acceptance", "waste", "run"];

/** How a figure is said, by its name. */
export const WORDS = { tokens_per_s: rate, baseline_tokens_per_s: rate, speedup: factor, acceptance: percent, waste: (value) => value.toFixed(2) };

/** How far the runs lie apart; empty for one. */
export const apart = ({ low, high, runs }, words) => (runs > 1 ? `${words(low)} to ${words(high)}` : "");

/** Where a figure comes from: which runs, and whether measured. */
export const source = (how, { runs }, names) => `${how}, ${runs > 1 ? `mean of ${runs} runs, from the traces of runs` : "from the trace of run"} ${names.join(", ")}`;

/** @param how "measured" or "simulated" */
export function row({ label, runs, figures }, how) {
  const cell = (name, names) => {
    const spread = figures[name];
    if (!spread) return el("td", {}, "–");
    return el("td", { title: source(how, spread, names) }, WORDS[name](spread.mean), spread.runs > 1 ? el("span.apart", {}, apart(spread, WORDS[name])) : null);
  };
  const own = runs.filter(({ finished }) => finished).map(({ run }) => run);
  const baselines = [...new Set(runs.map(({ baseline }) => baseline).filter(Boolean))];
  return el("tr", { "data-phase": phase(runs) },
    el("th", { scope: "row" }, label),
    el("td", {}, state(runs), ...problems(runs).map((problem) => el("span.beneath", {}, problem))),
    cell("tokens_per_s", own), cell("baseline_tokens_per_s", baselines), cell("speedup", [...own, ...baselines]), cell("acceptance", own), cell("waste", own),
    el("td", {}, ...links(label, runs)));
}

/** One word for all runs of a value. */
function phase(runs) {
  const has = (name) => runs.some((run) => run.phase === name);
  return ["running", "queued", "waiting", "failed", "stopped", "finished"].find(has) ?? "left out";
}

function state(runs) {
  const only = phase(runs);
  if (runs.every((run) => run.phase === only)) return `${PHASES[only] ?? only}${runs.length > 1 ? `, ${runs.length} runs` : ""}`;
  const done = runs.filter(({ finished }) => finished).length;
  return `${PHASES[only] ?? only}; ${done} of ${runs.length} finished`;
}

const problems = (runs) => [...new Set(runs.map(({ problem }) => problem).filter(Boolean))];

function links(label, runs) {
  const there = runs.filter(({ run }) => run);
  if (!there.length) return ["–"];
  const name = (seed) => (runs.length > 1 ? `seed ${seed}` : "open");
  return there.flatMap(({ run, seed }, i) => [i ? " " : "", el("a", { href: liveAddress(run), "aria-label": `Open the run of ${label}${runs.length > 1 ? ` with seed ${seed}` : ""}` }, name(seed))]);
}
