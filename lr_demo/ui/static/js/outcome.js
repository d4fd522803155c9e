// What is happening to a position, in an icon, a word and a note: the one place that names it.

/** Looks by kind: icon and word. The colour of a kind is in live.css under `[data-kind=…]`. */
export const LOOKS = {
  waiting: ["◌", "waiting for a slot"],
  drafting: ["…", "drafting"],
  writing: ["…", "writing"],
  targetWriting: ["…", "target is writing"],
  forTarget: ["…", "waiting for the target"],
  expanding: ["…", "target is expanding"],
  forDraft: ["…", "waiting for the draft"],
  judging: ["⚖", "judging"],
  agreed: ["✓", "agrees"],
  differs: ["✗", "differs"],
  accepted: ["✓", "accepted"],
  exact: ["≡", "exact match"],
  corrected: ["✎", "corrected"],
  target: ["◆", "target’s own"],
  plain: ["", ""],
  cancelled: ["⊘", "given up"],
};

const METHODS = { judge: "judge", embedding: "embedding", cascade: "cascade", exact: "exact text", random: "random", score: "score", target_score: "score" };

/** A verdict in a few characters: who, how sure, how long. */
export function verdictBadge(verdict) {
  const who = METHODS[verdict.method] ?? verdict.method;
  const parts = [who];
  if (verdict.score !== undefined && verdict.score !== null) parts.push(verdict.score.toFixed(verdict.score > 1 ? 1 : 2));
  if (verdict.latency_s) parts.push(verdict.latency_s < 0.095 ? `${Math.round(verdict.latency_s * 1000)} ms` : `${verdict.latency_s.toFixed(2)} s`);
  return parts.join(" · ");
}

/** Kind and note of a position; `plain` is true in modes without drafted steps. */
export function describe(position, plain) {
  return position.committed ? decided(position, plain) : undecided(position, plain);
}

function decided(position, plain) {
  const { step, outcome } = position.committed;
  const verdict = outcome === "accepted" ? step.verdict : position.drafts.find((draft) => draft?.verdict)?.verdict;
  if (outcome === "accepted") {
    const exact = verdict?.method === "identical";
    return { kind: exact ? "exact" : "accepted", note: exact ? "" : verdict?.reason ?? "", verdict };
  }
  if (outcome === "corrected") return { kind: "corrected", note: verdict?.reason ?? "", verdict };
  if (plain) return { kind: "plain", note: "", verdict: null };
  if (position.off) return { kind: "target", note: "lookahead is off", verdict: null };
  const late = position.drafts.length > 0;
  const alone = position.behind === null ? "no drafted step" : "written while the step before was judged";
  return { kind: "target", note: late ? "the draft was not ready" : alone, verdict: null };
}

function undecided(position, plain) {
  const drafts = position.drafts.filter(Boolean);
  const { target } = position;
  const has = (phase) => drafts.find((draft) => draft.phase === phase);
  const judged = has("accepted") ?? has("rejected");
  if (has("judging")) return { kind: "judging", note: "", verdict: null };
  if (has("accepted")) return { kind: "agreed", note: "waits for the steps before it", verdict: has("accepted").verdict };
  if (drafts.length && drafts.every((draft) => draft.phase === "rejected")) {
    const note = target && target.ended === null ? "the target writes the step" : judged.verdict.reason;
    return { kind: "differs", note, verdict: judged.verdict };
  }
  const writing = target && target.ended === null;
  if (has("writing")) return { kind: target && !writing ? "forDraft" : "drafting", note: "", verdict: null };
  if (has("complete")) return { kind: writing ? "expanding" : "forTarget", note: "", verdict: null };
  if (target) return { kind: plain ? "writing" : "targetWriting", note: plain ? "" : position.waits ? "if corrected" : "ahead of the draft", verdict: null };
  return { kind: "waiting", note: "", verdict: null };
}

/** What a run in mode auto goes on with, as `SettingChosen.sentence` in events.py says it; empty where it chose nothing. */
export function chosenSentence(chosen) {
  if (!chosen) return "";
  const width = chosen.width > 1 ? `, W ${chosen.width}` : "";
  const names = [chosen.lookahead && "LR", chosen.speculates && "SD"].filter(Boolean).join("+") || "AR";
  const scheme = chosen.drafted ? `${names} (drafted)` : names;
  const what = `${scheme}, ${chosen.lookahead ? `γ ${chosen.lookahead}${width}` : "lookahead off"}`;
  const predicted = chosen.predicted === undefined || chosen.predicted === null ? "" : `predicted ${chosen.predicted.toFixed(2)}×; `;
  return `auto: ${what} since step ${chosen.step + 1} (${predicted}${chosen.reason})`;
}
