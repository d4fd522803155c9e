// What a run measured about itself, from its events: batch cost, waste, waiting, acceptance, series.
// The figures that `Summary` (runs/summary.py) has too are defined as there.

import { Series } from "./series.js";

const MOST_TALLIED = 32; // positions in a cycle that are tallied one by one
const RECENT = 20; // decided steps over which the recent acceptance is taken

export class Measures {
  constructor() {
    this.flying = new Map(); // target steps being written, by position, to the time of their start
    this.batchSeconds = []; // [k] seconds with k target sequences in flight
    this.batchTokens = []; // [k] tokens the target wrote meanwhile
    this.last = 0;
    this.verdicts = { count: 0, asked: 0, seconds: 0 };
    this.pending = 0; // verdicts being waited for
    this.verdictWait = 0; // seconds with a verdict pending and no target sequence in flight
    this.draftWait = 0; // seconds with neither: the target waits for drafted steps
    this.places = []; // [position in the cycle, from 1] { accepted, rejected }
    this.cycleStart = new Map(); // cycle to the step it began with
    this.usedTarget = 0; // tokens of target steps that confirmed or replaced a drafted step
    this.usedDraft = 0; // tokens of drafted steps that stand in the answer
    this.written = { draft: { steps: 0, seconds: 0 }, target: { steps: 0, seconds: 0 } }; // complete steps
    this.outcomes = { accepted: 0, corrected: 0, target: 0 };
    this.decidedCycles = new Map(); // cycle with an accepted or corrected step to the number of accepted ones
    this.recent = []; // 1 for accepted, 0 for corrected: the last decided steps
    this.acceptedShare = new Series(); // share accepted so far, by step of the answer from 1
    this.recentShare = new Series(); // the same over the last decided steps
    this.plain = false; // plain decoding: every token written is one of the answer
    this.tokens = new Series(); // tokens of the answer over time
    this.tokens.add(0, 0);
  }

  /** To be called before `state.apply(event)`. */
  apply(event, state) {
    const dt = event.t - this.last;
    if (dt > 0) {
      const k = Math.min(this.flying.size, 256);
      this.batchSeconds[k] = (this.batchSeconds[k] ?? 0) + dt;
      if (k === 0 && this.pending > 0) this.verdictWait += dt;
      else if (k === 0) this.draftWait += dt;
      this.last = event.t;
    }
    switch (event.type) {
      case "run_started":
        this.plain = event.mode === "autoregressive" || event.mode === "speculative";
        break;
      case "cycle_started":
        if (state.positions.has(event.position)) this.cycleStart.set(event.cycle, state.positions.get(event.position).step);
        break;
      case "position_opened":
        if (!this.cycleStart.has(state.cycle)) this.cycleStart.set(state.cycle, event.step);
        break;
      case "step_started":
        if (event.role === "target") this.flying.set(event.position, event.t);
        break;
      case "step_delta":
        if (event.role === "target") this.countTokens(event.tokens);
        if (this.plain) this.tokens.add(event.t, state.written.target + event.tokens);
        break;
      case "step_finished":
        this.countStep(event, state.step(event));
        if (event.role === "target") {
          const streamed = state.step(event)?.tokens ?? 0;
          if (event.count > streamed) this.countTokens(event.count - streamed);
          this.flying.delete(event.position);
        }
        break;
      case "step_cancelled":
        if (event.role === "target") this.flying.delete(event.position);
        else if (state.drafted(event)?.phase === "judging") this.pending -= 1;
        break;
      case "verdict_started":
        this.pending += 1;
        break;
      case "verdict":
        this.countVerdict(event, state);
        break;
      case "step_committed":
        this.countCommitted(event, state);
        break;
    }
  }

  countStep(event, step) {
    if (!step) return;
    this.written[event.role].steps += 1;
    this.written[event.role].seconds += event.t - step.started;
  }

  countTokens(n) {
    const k = Math.min(this.flying.size, 256);
    this.batchTokens[k] = (this.batchTokens[k] ?? 0) + n;
  }

  countVerdict(event, state) {
    const step = state.drafted(event);
    if (!step) return;
    if (step.phase === "judging") {
      this.pending -= 1;
      this.verdicts.asked += 1;
      this.verdicts.seconds += event.latency_s ?? 0;
    }
    this.verdicts.count += 1;
    const position = state.positions.get(event.position);
    const place = position.step - (this.cycleStart.get(position.cycle) ?? position.step) + 1;
    const tally = (this.places[Math.min(place, MOST_TALLIED)] ??= { accepted: 0, rejected: 0 });
    tally[event.accepted ? "accepted" : "rejected"] += 1;
  }

  countCommitted(event, state) {
    this.outcomes[event.outcome] += 1;
    if (event.outcome !== "target") this.countDecided(event, state);
    const position = state.positions.get(event.position);
    if (event.role === "draft") this.usedDraft += state.step(event)?.tokens ?? 0;
    if (position?.target && position.target.phase !== "cancelled") this.usedTarget += position.target.tokens;
    if (!this.plain) this.tokens.add(event.t, state.tokens + event.tokens);
  }

  countDecided(event, state) {
    const kept = event.outcome === "accepted" ? 1 : 0;
    this.decidedCycles.set(state.cycle, (this.decidedCycles.get(state.cycle) ?? 0) + kept);
    this.recent.push(kept);
    if (this.recent.length > RECENT) this.recent.shift();
    this.acceptedShare.add(event.step + 1, this.acceptance.share);
    this.recentShare.add(event.step + 1, this.recent.reduce((sum, one) => sum + one, 0) / this.recent.length);
  }

  /** Milliseconds per token of one sequence, with at least `from` and at most `to` in flight. */
  msPerToken(from, to = Infinity) {
    let time = 0, tokens = 0, weight = 0;
    this.batchSeconds.forEach((s, k) => {
      if (k < from || k > to) return;
      time += s * k;
      tokens += this.batchTokens[k] ?? 0;
      weight += s;
    });
    return tokens ? { ms: (1000 * time) / tokens, sequences: time / weight, tokens } : null;
  }

  /** Share of target tokens in steps that neither confirmed nor replaced a drafted step. */
  wastedTarget(state) {
    const written = state.written.target;
    return written ? Math.max(0, 1 - this.usedTarget / written) : 0;
  }

  /** Steps of the answer that were decided by comparison, and the share of them where the draft stayed. */
  get acceptance() {
    const { accepted, corrected } = this.outcomes;
    return { decided: accepted + corrected, share: accepted / (accepted + corrected) };
  }

  /** Accepted steps per cycle. */
  get acceptedRun() {
    return this.outcomes.accepted / Math.max(1, this.decidedCycles.size);
  }

  /** A draft's step over a target's step in seconds, as complete ones took: c of the theory; NaN before there are both. */
  get cost() {
    const { draft, target } = this.written;
    return draft.seconds / draft.steps / (target.seconds / target.steps);
  }

  /** Cycles by the number of accepted steps in them: [n] cycles. */
  get runLengths() {
    const cycles = [];
    for (const n of this.decidedCycles.values()) cycles[n] = (cycles[n] ?? 0) + 1;
    return Array.from(cycles, (n) => n ?? 0);
  }
}
