// What a run measured about itself, from its events: batch cost, waste, waiting, acceptance, series.
// The figures that `Summary` (runs/summary.py) has too are defined as there.

import { Series } from "./series.js";

const STEPS_PER_TALLY = 32;

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
    this.ahead = []; // [steps ahead] { accepted, rejected }
    this.usedTarget = 0; // tokens of target steps that confirmed or replaced a drafted step
    this.outcomes = { accepted: 0, corrected: 0, target: 0 };
    this.decidedCycles = new Set(); // cycles with an accepted or corrected step
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
      case "step_started":
        if (event.role === "target") this.flying.set(event.position, event.t);
        break;
      case "step_delta":
        if (event.role === "target") this.countTokens(event.tokens);
        if (this.plain) this.tokens.add(event.t, state.written.target + event.tokens);
        break;
      case "step_finished":
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
    const ahead = Math.min(step.ahead, STEPS_PER_TALLY);
    const tally = (this.ahead[ahead] ??= { accepted: 0, rejected: 0 });
    tally[event.accepted ? "accepted" : "rejected"] += 1;
  }

  countCommitted(event, state) {
    this.outcomes[event.outcome] += 1;
    if (event.outcome !== "target") this.decidedCycles.add(state.cycle);
    this.usedTarget += state.positions.get(event.position)?.target?.tokens ?? 0;
    if (!this.plain) this.tokens.add(event.t, state.tokens + event.tokens);
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
}
