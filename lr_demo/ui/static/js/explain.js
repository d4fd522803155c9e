// Why a run was faster or slower than its baseline: one sentence made of what both measured.

import { count, factor, milliseconds, percent } from "./format.js";

const CLOSE = 0.03; // within this share of 1 the two are called equal

export function verdictOf(speedup) {
  return speedup > 1 + CLOSE ? "faster" : speedup < 1 - CLOSE ? "slower" : "equal";
}

/**
 * @param run, baseline lanes whose runs have ended
 * @param speedup ratio of tokens per second
 */
export function explain(run, baseline, speedup) {
  const alone = baseline.measures.msPerToken(1, 1);
  const together = run.measures.msPerToken(2);
  const result = verdictOf(speedup);
  const parts = costs(run, alone, together, result);
  if (!parts.length) return "";
  const opening = {
    faster: `${factor(speedup)}, faster here: `,
    slower: `${factor(speedup)}, slower here: `,
    equal: `${factor(speedup)}, about equal here: `,
  }[result];
  return `${opening}${parts.join("; ")}.`;
}

function costs(run, alone, together, result) {
  const { state, measures } = run;
  const parts = [];
  if (alone && together) {
    const ratio = together.ms / alone.ms;
    const sequences = together.sequences.toFixed(1);
    const cost = `a target token takes ${milliseconds(alone.ms)} alone and ${milliseconds(together.ms)} with ${sequences} sequences at once`;
    const judged = ratio < 1.25 ? "so looking ahead costs little" : `${factor(ratio)} as long`;
    parts.push(`${cost}, ${judged}`);
  } else if (alone) {
    const single = measures.msPerToken(1, 1);
    if (single) parts.push(`a target token takes ${milliseconds(alone.ms)} in the baseline and ${milliseconds(single.ms)} here`);
  }
  const { decided, share } = measures.acceptance;
  if (decided) parts.push(`${percent(share)} of ${count(decided, "compared step was", "compared steps were")} accepted, ${measures.acceptedRun.toFixed(1)} a cycle`);
  const { speculation } = state.finished ?? {};
  if (speculation?.drafts) {
    const length = (1 + speculation.accepted_tokens / speculation.drafts).toFixed(1);
    parts.push(`${percent(speculation.accepted_tokens / speculation.proposed_tokens)} of the proposed tokens were accepted, ${length} tokens a pass`);
  } else if (speculation) parts.push("no token was proposed");
  const wasted = measures.wastedTarget(state);
  if (wasted > 0.05) parts.push(`${percent(wasted)} of what the target wrote was thrown away`);
  if (result !== "faster") {
    const total = state.t || 1;
    if (measures.verdictWait / total > 0.05) parts.push(`it waited ${percent(measures.verdictWait / total)} of the time for verdicts`);
    if (measures.draftWait / total > 0.05) parts.push(`it waited ${percent(measures.draftWait / total)} of the time for the draft`);
  }
  return parts;
}
