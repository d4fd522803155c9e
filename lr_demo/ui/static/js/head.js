// The head of a lane: who it is, how fast, how far.

import { el, setText, show } from "./dom.js";
import { count, factor, MODES, rate, seconds } from "./format.js";
import { verdictOf } from "./explain.js";

export class Head {
  constructor() {
    this.name = el("b.name", { role: "heading", "aria-level": "3" });
    this.long = el("span.unit.long");
    this.state = el("span.chip.state", { hidden: true });
    this.speed = el("span.speed", {}, "–");
    this.sub = el("span.unit.sub");
    this.played = el("span.unit.played", { hidden: true });
    this.measured = el("dl.row.measured", { hidden: true });
    this.values = new Map();
    this.factor = el("span.factor", { hidden: true });
    this.fill = el("div.fill");
    this.track = el("div.track", { "aria-hidden": "true" }, this.fill);
    this.node = el(
      "div.lanehead", {},
      el("div.row", {}, this.name, this.long, this.played, el("span.push"), this.factor, this.speed, el("span.unit", {}, "tokens/s")),
      el("div.row.second", {}, this.state, this.sub),
      this.measured,
      this.track,
    );
  }

  /** As before any run. */
  clear() {
    this.compare(NaN);
    this.progress(0);
    this.chip("", "done");
    this.figures({ tokens: 0, time: 0, speed: NaN, note: "" });
    this.server("", "");
    this.details(null);
  }

  title(mode) {
    const { short, long } = MODES[mode] ?? { short: mode, long: "" };
    setText(this.name, short);
    setText(this.long, long);
  }

  /** @param {"live" | "ghost" | "queued" | "done" | "bad"} look of the chip */
  chip(text, look, title = "") {
    setText(this.state, text);
    this.state.dataset.look = look;
    if (this.state.title !== title) this.state.title = title;
    show(this.state, text !== "");
  }

  figures({ tokens, time, speed, note }) {
    setText(this.speed, rate(speed));
    setText(this.sub, time > 0 ? [count(tokens, "token"), seconds(time), note].filter(Boolean).join(" · ") : note || "\u00a0");
  }

  /** The server that plays the target; empty where that is not worth saying. */
  server(name, what) {
    setText(this.played, name ? `on ${name}` : "");
    this.played.title = what;
    show(this.played, Boolean(name));
    show(this.long, !name);
  }

  /** Figures with their names, as [name, value, hint]; null hides the row. */
  details(figures) {
    show(this.measured, figures !== null);
    for (const [name, value, hint] of figures ?? []) {
      let node = this.values.get(name);
      if (!node) {
        node = el("dd");
        this.values.set(name, node);
        this.measured.append(el("div", { title: hint }, el("dt", {}, name), node));
      }
      setText(node, value);
    }
  }

  /** The speedup; its colour says nothing before the run has ended, for it swings with every commit. */
  compare(speedup, final = false) {
    const known = Number.isFinite(speedup) && speedup > 0;
    show(this.factor, known);
    this.node.dataset.result = known && final ? verdictOf(speedup) : "";
    if (!known) return;
    setText(this.factor, factor(speedup));
  }

  progress(share) {
    this.fill.style.transform = `scaleX(${Math.min(1, Math.max(0, share || 0)).toFixed(4)})`;
  }
}
