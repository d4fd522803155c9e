// What the theory expects of a run, with the acceptance and the cost that the run measured: asked of the server, where
// the formulas are.

import { getJson } from "./transport.js";

const EVERY = 4000; // ms between two questions of a live run

const asked = new WeakMap(); // lane state to { key, due, answer }

/** The speedup by the formulas, or null before there is anything to compute it with: { speedup, how }. */
export function expected(race) {
  const { state, measures } = race.run;
  const query = question(state, measures);
  if (!query) return null;
  let known = asked.get(state);
  if (!known) asked.set(state, (known = { key: "", due: 0, answer: null }));
  const now = performance.now();
  if (query !== known.key && (now >= known.due || state.finished)) {
    known.key = query;
    known.due = now + EVERY;
    getJson(`theory/expected?${query}`).then(
      (answer) => {
        if (known.key !== query || !answer) return;
        known.answer = answer;
        race.charts?.touch();
        race.wake();
      },
      () => {}, // no theory, no line
    );
  }
  return known.answer;
}

function question(state, measures) {
  const { decided, share } = measures.acceptance;
  const settings = state.started?.settings;
  const lookahead = state.chosen?.lookahead ?? settings?.lookahead;
  if (!decided || !lookahead || !Number.isFinite(measures.cost) || measures.cost <= 0) return "";
  const counted = state.finished?.speculation;
  const pass = counted?.drafts ? 1 + counted.accepted_tokens / counted.drafts : 1;
  return new URLSearchParams({
    alpha: share.toFixed(4), cost: measures.cost.toFixed(4), lookahead, schedule: settings.schedule ?? "async", tokens_per_pass: pass.toFixed(4),
  }).toString();
}
