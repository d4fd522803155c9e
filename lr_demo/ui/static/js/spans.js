// The timeline of a run: who worked when, as spans of (row, start, end, kind), with a bounded drawing cost.

/** Kinds of spans, in the order of the legend. */
export const KINDS = {
  draft: "draft",
  draftKept: "draft, kept",
  target: "target",
  confirmed: "confirmed",
  corrected: "correction",
  judge: "verdict",
  wasted: "given up",
};

class Span {
  constructor(row, start, kind) {
    this.row = row;
    this.start = start;
    this.end = null;
    this.kind = kind;
    this.step = 0;
    this.tokens = 0;
  }
}

/** Rows of one role: a span takes the lowest free one. */
class Slots {
  constructor(name) {
    this.name = name;
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
}

export class Spans {
  constructor() {
    this.all = [];
    this.open = new Map();
    this.slots = { draft: new Slots("draft"), target: new Slots("target"), judge: new Slots("judge") };
    this.byStep = new Map(); // position/role/alternative to span, until its position is decided
    this.version = 0;
  }

  begin(key, role, t, step) {
    this.finish(key, t);
    const span = new Span({ role, slot: this.slots[role].take() }, t, role);
    span.step = step;
    this.all.push(span);
    this.open.set(key, span);
    this.byStep.set(key, span);
    this.version += 1;
  }

  finish(key, t) {
    const span = this.open.get(key);
    if (!span) return null;
    span.end = t;
    this.slots[span.row.role].release(span.row.slot);
    this.open.delete(key);
    this.version += 1;
    return span;
  }

  /** To be called after `state.apply(event)`. */
  apply(event, state) {
    const alternative = event.alternative ?? 0;
    const key = `${event.position}/${event.role}/${alternative}`;
    const verdict = `${event.position}/judge/${alternative}`;
    const step = () => (state.positions.get(event.position)?.step ?? 0) + 1;
    switch (event.type) {
      case "step_started":
        this.begin(key, event.role, event.t, step());
        break;
      case "step_finished":
        this.finish(key, event.t);
        break;
      case "step_cancelled": {
        this.finish(key, event.t);
        this.finish(verdict, event.t);
        this.mark(key, "wasted");
        break;
      }
      case "verdict_started":
        this.begin(verdict, "judge", event.t, step());
        break;
      case "verdict":
        this.finish(verdict, event.t);
        if (!event.accepted) this.mark(`${event.position}/draft/${alternative}`, "wasted");
        break;
      case "step_committed":
        this.mark(`${event.position}/target/0`, event.outcome === "accepted" ? "confirmed" : "corrected");
        if (event.outcome === "target") this.mark(`${event.position}/target/0`, "target");
        if (event.role === "draft") this.mark(key, "draftKept");
        this.forget(event.position);
        break;
      case "run_finished":
        for (const open of [...this.open.keys()]) {
          this.mark(open, "wasted");
          this.finish(open, event.t);
        }
        this.byStep.clear();
        break;
    }
  }

  mark(key, kind) {
    const span = this.byStep.get(key);
    if (!span) return;
    span.kind = kind;
    this.version += 1;
  }

  forget(position) {
    for (const key of this.byStep.keys()) {
      const at = Number(key.slice(0, key.indexOf("/")));
      if (at < position && !this.open.has(key)) this.byStep.delete(key);
      if (at > position) break;
    }
  }

  /** Names of the rows, top first. */
  rows() {
    const names = [];
    for (const [role, slots] of Object.entries(this.slots)) {
      const n = slots.busy.length;
      for (let i = 0; i < n; i++) names.push(n > 1 ? `${role} ${i + 1}` : role);
    }
    return names;
  }

  rowName(row) {
    return this.slots[row.role].busy.length > 1 ? `${row.role} ${row.slot + 1}` : row.role;
  }

  /** Spans between two times, at most about `most`: neighbours of one kind closer than a pixel or so become one. */
  between(from, to, now, most = 300) {
    const visible = [];
    for (let i = this.firstAfter(from); i < this.all.length; i++) {
      const span = this.all[i];
      if (span.start > to) break;
      if ((span.end ?? now) >= from) visible.push(span);
    }
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
