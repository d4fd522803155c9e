// The critical path of a run: the chain of waits that determined its end, from the last step back to the start.
// A step joins the answer when the last thing it needs is there: its verdict, its target step, or the step before it.
// A step starts when its prefix is known (the drafted step that leads to it is complete, or the target's own behind
// which it writes on) or there is room for it (a step joined the answer). Every piece of time belongs to exactly one link, so the links sum to the wall time.

const SOON = 1e-9; // seconds: times are sums of floats

/** What a run's wall time went into; `wait` is for a server's place and for us, `open` what is not decided yet. */
export const KINDS = ["draft", "target", "corrected", "judge", "wait", "open"];

const nothing = () => ({ draft: 0, target: 0, corrected: 0, judge: 0, wait: 0 });

export class CriticalPath {
  constructor() {
    this.commits = []; // { t, position, before: the commit its chain goes back to, links: last first, spent }
    this.drafted = []; // synchronous schedule: complete drafted steps, in the order in which they ended
    this.synchronous = false;
    this.plain = false;
  }

  /** To be called after `state.apply(event)`. */
  apply(event, state) {
    if (event.type === "run_started") {
      this.synchronous = event.settings?.schedule === "sync";
      this.plain = event.mode === "autoregressive" || event.mode === "speculative";
    } else if (event.type === "step_finished" && event.role === "draft" && this.synchronous) {
      const step = state.step(event);
      if (step) this.drafted.push(step);
    } else if (event.type === "step_committed") {
      const position = state.positions.get(event.position);
      if (position?.committed) this.commits.push(this.chain(position, event.t, state));
    }
  }

  /** Links from a commit back to an earlier one, or to the start of the run. */
  chain(position, t, state) {
    const links = [];
    let at = t;
    const link = (kind, start, key) => {
      const from = Math.max(0, Math.min(start, at));
      if (at > from) links.push({ kind, start: from, end: at, key, position: key ? Number(key.split("/")[0]) : null });
      at = from;
    };
    const last = this.commits[this.commits.length - 1] ?? null;
    if (this.plain) { // the target writes on without a pause
      link("target", last?.t ?? 0, `${position.id}/target/0`);
      return this.commit(t, position, last, links);
    }
    const drafts = position.drafts.filter((draft) => draft?.verdict && draft.verdict.t <= t);
    const judged = drafts.reduce((latest, draft) => (latest && latest.verdict.t >= draft.verdict.t ? latest : draft), null);
    let step = null;
    let before = last;
    if (judged && judged.verdict.t > (last?.t ?? -1) && judged.verdict.t >= (position.target?.ended ?? 0)) {
      link("wait", judged.verdict.t, null);
      if (judged.verdictStarted !== null) link("judge", judged.verdictStarted, `${judged.position}/judge/${judged.alternative}`);
      step = latest([judged, position.target], at);
      before = this.commitBefore(at);
      if (before && step && before.t > step.ended) step = null;
    } else {
      step = latest([position.committed.step, position.target], at);
      if (step && step.ended <= (last?.t ?? -1)) step = null; // all was there: it waited for the steps before it
    }
    while (step) {
      link("wait", step.ended, null);
      link(this.kindOf(step, position), step.started, `${step.position}/${step.role}/${step.alternative}`);
      before = this.commitBefore(at);
      step = this.cause(step, at, state);
      if (step && before && before.t > step.ended + SOON) step = null;
    }
    link("wait", before?.t ?? 0, null);
    return this.commit(t, position, before, links);
  }

  commit(t, position, before, links) {
    const spent = { ...(before?.spent ?? nothing()) };
    for (const { kind, start, end } of links) spent[kind] += end - start;
    return { t, position: position.id, before, links, spent };
  }

  kindOf(step, position) {
    if (step.role === "draft") return "draft";
    return step === position.committed.step && position.committed.outcome === "corrected" ? "corrected" : "target";
  }

  /** The drafted step whose end let a step start at `at`. */
  cause(step, at, state) {
    if (this.synchronous && step.role === "target") return this.drafted.findLast(({ ended }) => ended <= at + SOON) ?? null; // a batch waits for all
    const position = state.positions.get(step.position);
    const leading = state.positions.get(position?.parent)?.drafts[position.parentAlternative];
    const writtenOn = step.role === "target" ? state.positions.get(position?.behind)?.target : null;
    return latest([leading, writtenOn], at);
  }

  commitBefore(t) {
    for (let i = this.commits.length - 1; i >= 0; i--) if (this.commits[i].t <= t + SOON) return this.commits[i];
    return null;
  }

  /** Seconds by kind, up to `now`; they sum to `now`. */
  spent(now, finished) {
    const last = this.commits[this.commits.length - 1];
    const spent = { ...(last?.spent ?? nothing()), open: 0 };
    spent[finished ? "wait" : "open"] += Math.max(0, now - (last?.t ?? 0));
    return spent;
  }

  /** The links that reach into [from, to], last first. */
  between(from, to) {
    const found = [];
    for (let at = this.commits[this.commits.length - 1]; at && at.t >= from; at = at.before) {
      for (const link of at.links) if (link.end >= from && link.start <= to) found.push(link);
    }
    return found;
  }
}

/** Of these steps, the one that was complete last, though not after `at`. */
function latest(steps, at) {
  let found = null;
  for (const step of steps) {
    if (step && step.ended !== null && step.ended <= at + SOON && (!found || step.ended > found.ended)) found = step;
  }
  return found;
}
