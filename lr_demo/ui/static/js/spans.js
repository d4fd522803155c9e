// Who worked when in a run: spans of (row, start, end, kind) and verdicts, read with a bounded drawing cost.

/** Kinds of spans, in the order of the legend: what became of the work, told apart by pattern as well as colour. */
export const KINDS = {
  draft: "draft",
  target: "target",
  accepted: "accepted",
  confirmed: "confirmed",
  corrected: "correction",
  rejected: "rejected",
  cancelled: "cancelled",
  judge: "verdict",
};

class Span {
  constructor(row, start, kind) {
    this.row = row;
    this.start = start;
    this.end = null;
    this.kind = kind;
    this.step = 0;
    this.position = null;
    this.alternative = 0;
  }
}

/** Rows of one role: a span takes the lowest free one. */
class Slots {
  constructor() {
    this.busy = [];
  }

  take() {
    let i = this.busy.indexOf(false);
    if (i < 0) i = this.busy.length;
    this.busy[i] = true;
    return i;
  }

  release(i) {
    this.busy[i] = false;
  }

  /** A row for a mark that takes no time. */
  slot() {
    if (!this.busy.length) this.busy.push(false);
    return 0;
  }
}

export class Spans {
  constructor() {
    this.all = [];
    this.open = new Map();
    this.slots = { draft: new Slots(), target: new Slots(), judge: new Slots() };
    this.byStep = new Map(); // position/role/alternative to its latest span
    this.ofPosition = new Map(); // position to its spans
    this.verdicts = []; // { t, slot, accepted, position, step }
    this.busy = { draft: 0, target: 0, judge: 0 }; // seconds with at least one span open
    this.last = 0;
  }

  begin(key, role, event, step) {
    this.finish(key, event.t);
    const span = new Span({ role, slot: this.slots[role].take() }, event.t, role);
    span.step = step;
    span.position = event.position;
    span.alternative = event.alternative ?? 0;
    this.all.push(span);
    this.open.set(key, span);
    this.byStep.set(key, span);
    const others = this.ofPosition.get(event.position);
    if (others) others.push(span);
    else this.ofPosition.set(event.position, [span]);
  }

  finish(key, t) {
    const span = this.open.get(key);
    if (!span) return null;
    span.end = t;
    this.slots[span.row.role].release(span.row.slot);
    this.open.delete(key);
    return span;
  }

  /** Seconds in which a role worked at all, up to `t`. */
  pass(t) {
    const dt = t - this.last;
    if (dt <= 0) return;
    this.last = t;
    const working = new Set();
    for (const span of this.open.values()) working.add(span.row.role);
    for (const role of working) this.busy[role] += dt;
  }

  /** To be called after `state.apply(event)`. */
  apply(event, state) {
    const alternative = event.alternative ?? 0;
    const key = `${event.position}/${event.role}/${alternative}`;
    const verdict = `${event.position}/judge/${alternative}`;
    const step = () => (state.positions.get(event.position)?.step ?? 0) + 1;
    this.pass(event.t);
    switch (event.type) {
      case "step_started":
        this.begin(key, event.role, event, step());
        break;
      case "step_finished":
        this.finish(key, event.t);
        break;
      case "step_cancelled": {
        this.finish(key, event.t);
        this.finish(verdict, event.t);
        if (this.byStep.get(key)?.kind !== "rejected") this.mark(key, "cancelled");
        break;
      }
      case "verdict_started":
        this.begin(verdict, "judge", event, step());
        break;
      case "verdict": {
        const given = this.finish(verdict, event.t);
        const slot = given ? given.row.slot : this.slots.judge.slot();
        this.verdicts.push({ t: event.t, slot, accepted: event.accepted, position: event.position, step: step() });
        if (!event.accepted) this.mark(`${event.position}/draft/${alternative}`, "rejected");
        break;
      }
      case "step_committed":
        this.commit(event);
        break;
      case "run_finished":
        for (const open of [...this.open.keys()]) {
          this.mark(open, "cancelled");
          this.finish(open, event.t);
        }
        break;
    }
  }

  commit(event) {
    const target = `${event.position}/target/0`;
    const drafted = event.role === "draft";
    if (drafted) this.mark(`${event.position}/draft/${event.alternative ?? 0}`, "accepted");
    if (this.byStep.get(target)?.kind === "cancelled") return;
    this.mark(target, drafted ? "confirmed" : event.outcome);
  }

  mark(key, kind) {
    const span = this.byStep.get(key);
    if (span) span.kind = kind;
  }

  /** The rows from the top: { role, slot }. */
  rows() {
    const rows = [];
    for (const [role, slots] of Object.entries(this.slots)) {
      slots.busy.forEach((_, slot) => rows.push({ role, slot }));
    }
    return rows;
  }

  /** Spans that reach into [from, to], by their start. */
  reaching(from, to, now) {
    const found = [];
    for (let i = this.firstAfter(from); i < this.all.length; i++) {
      const span = this.all[i];
      if (span.start > to) break;
      if ((span.end ?? now) >= from) found.push(span);
    }
    return found;
  }

  /** The same, at most about `most`: neighbours of one kind closer than a pixel or so become one. */
  between(from, to, now, most = 300) {
    const visible = this.reaching(from, to, now);
    let grain = (to - from) / 900;
    let merged = visible.map((span) => ({ span, start: span.start, end: span.end ?? now, kind: span.kind, n: 1 }));
    while (merged.length > most && grain < to - from) {
      merged = merge(merged, grain);
      grain *= 2;
    }
    return merged;
  }

  /** Index from which spans can reach into the time after `from`: starts are sorted, lengths are not. */
  firstAfter(from) {
    let low = 0, high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle].start < from) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 300);
  }
}

function merge(spans, grain) {
  const last = new Map();
  const merged = [];
  for (const item of spans) {
    const row = `${item.span.row.role}${item.span.row.slot}`;
    const before = last.get(row);
    if (before && item.start - before.end < grain && (before.kind === item.kind || item.end - item.start < grain)) {
      before.end = Math.max(before.end, item.end);
      before.n += item.n;
    } else {
      const copy = { ...item };
      merged.push(copy);
      last.set(row, copy);
    }
  }
  return merged;
}
