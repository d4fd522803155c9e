// The state of a run: a fold of its events, as `RunState` in run_state.py. O(1) per event, no DOM.

/** A step as the log has it so far. `pieces` holds what was streamed until the step is complete. */
function newStep(position, role, alternative, started) {
  return {
    position, role, alternative, started,
    ended: null, text: "", pieces: [], tokens: 0, finish: null, phase: "writing", verdict: null, verdictStarted: null,
    ahead: 0, attempt: 1,
    passes: [], // tokens of each pass that wrote it, as far as told
  };
}

/**
 * A place in the tree: one target step and up to W drafted ones. `behind`: the position after whose own step the target
 * writes on, while that is judged; `waits`: it is not known yet whether that step stays.
 */
function newPosition(event, cycle) {
  const writtenOn = event.parent_role === "target";
  return {
    id: event.position, step: event.step, parent: writtenOn ? null : event.parent ?? null,
    parentAlternative: event.parent_alternative ?? 0,
    behind: writtenOn ? event.parent : null, waits: writtenOn,
    cycle, target: null, drafts: [], committed: null, off: false,
  };
}

/** The text of a step, complete or not. */
export const stepText = (step) => step.text || step.pieces.join("");

/** An event as it is kept: the number of token ids in place of the ids, which nothing here shows. */
export function slim(event) {
  if (event.token_ids) {
    event.count = event.token_ids.length;
    delete event.token_ids;
  }
  return event;
}

export class RunState {
  constructor() {
    this.started = null;
    this.finished = null;
    this.cycle = 0;
    this.t = 0;
    this.positions = new Map();
    this.ofStep = []; // [step] the positions of that step, in the order in which they were opened
    this.answer = [];
    this.tokens = 0; // of the answer
    this.degraded = new Map();
    this.chosen = null; // mode auto: its latest choice
    this.written = { target: 0, draft: 0 };
    this.draftedAhead = { tokens: 0, confirmed: 0 }; // by a draft beside the target; `written` holds it
  }

  get status() {
    return this.finished ? this.finished.status : "running";
  }

  step(event) {
    const position = this.positions.get(event.position);
    if (!position) return null;
    return event.role === "target" ? position.target : position.drafts[event.alternative ?? 0] ?? null;
  }

  drafted(event) {
    return this.positions.get(event.position)?.drafts[event.alternative ?? 0] ?? null;
  }

  open(position) {
    position.off = this.chosen?.lookahead === 0; // decoded plainly; a draft of it is only compared
    this.positions.set(position.id, position);
    (this.ofStep[position.step] ??= []).push(position);
  }

  /** A cycle begins with a position that the target has begun to write already. */
  adopt(position) {
    if (!position) return;
    position.waits = false;
    position.cycle = this.cycle;
  }

  apply(event) {
    this.t = event.t;
    switch (event.type) {
      case "run_started":
        this.started = event;
        break;
      case "cycle_started":
        this.cycle = event.cycle;
        this.adopt(this.positions.get(event.position));
        break;
      case "position_opened":
        this.open(newPosition(event, this.cycle));
        break;
      case "step_started": {
        const position = this.positions.get(event.position);
        if (!position) break;
        const alternative = event.alternative ?? 0;
        const before = event.role === "target" ? position.target : position.drafts[alternative];
        const step = newStep(event.position, event.role, alternative, event.t);
        step.ahead = position.step - this.answer.length + 1;
        step.attempt = before ? before.attempt + 1 : 1;
        if (event.role === "target") position.target = step;
        else position.drafts[alternative] = step;
        break;
      }
      case "step_delta": {
        const step = this.step(event);
        if (!step) break;
        step.pieces.push(event.text);
        step.tokens += event.tokens;
        for (const tokens of event.passes ?? []) step.passes.push(tokens);
        this.written[event.role] += event.tokens;
        break;
      }
      case "step_finished": {
        const step = this.step(event);
        if (!step) break;
        this.written[event.role] += event.count - step.tokens;
        step.tokens = event.count;
        step.text = event.text;
        step.finish = event.finish;
        step.origin = event.origin ?? "";
        step.ended = event.t;
        step.phase = "complete";
        step.pieces = [];
        break;
      }
      case "step_cancelled": {
        const step = this.step(event);
        if (!step) break;
        if (step.ended === null) {
          step.text = step.pieces.join("");
          step.pieces = [];
          step.ended = event.t;
        }
        step.phase = "cancelled";
        break;
      }
      case "verdict_started": {
        const step = this.drafted(event);
        if (!step) break;
        step.phase = "judging";
        step.verdictStarted = event.t;
        break;
      }
      case "verdict": {
        const step = this.drafted(event);
        if (!step) break;
        step.verdict = event;
        step.phase = event.accepted ? "accepted" : "rejected";
        break;
      }
      case "step_committed": {
        const step = this.step(event);
        const position = this.positions.get(event.position);
        if (!step) break;
        step.phase = event.outcome;
        position.committed = { step, outcome: event.outcome, tokens: event.tokens, t: event.t, index: event.step };
        position.cycle = this.cycle;
        this.tokens += event.tokens;
        this.answer.push(position);
        break;
      }
      case "drafted_ahead":
        this.written.draft += event.tokens - this.draftedAhead.tokens;
        this.draftedAhead = { tokens: event.tokens, confirmed: event.confirmed };
        break;
      case "role_degraded":
        this.degraded.set(event.role, event.reason);
        break;
      case "role_recovered":
        this.degraded.delete(event.role);
        break;
      case "setting_chosen":
        this.chosen = event;
        break;
      case "run_finished":
        this.finished = event;
        break;
    }
  }

  /** Whether a position still can become part of the answer: its path hangs on the accepted text. */
  alive(position) {
    if (position.committed) return true;
    let at = position;
    for (;;) {
      if (at.parent === null) {
        const passedOver = at.waits && this.positions.get(at.behind)?.committed?.step.role === "draft";
        return at.step >= this.answer.length && !passedOver;
      }
      const parent = this.positions.get(at.parent);
      if (!parent) return false;
      const leading = parent.drafts[at.parentAlternative];
      if (leading && (leading.phase === "rejected" || leading.phase === "cancelled")) return false;
      if (parent.committed) {
        const kept = parent.committed.step;
        return kept.role === "draft" && kept.alternative === at.parentAlternative && at.step >= this.answer.length;
      }
      at = parent;
    }
  }
}
