// One chart: its panel, when it is drawn, what is marked on it, and its picture as a file.

import { el, setText, show } from "./dom.js";
import { savePicture } from "./picture.js";
import { FirstDrawing } from "./plot.js";
import { label } from "./provenance.js";

const LEAST_PAUSE = { wide: 500, small: 1500 }; // ms between two drawings of a live chart
const SHARE = 20; // a chart rests at least this many times as long as it took
const NEAR = "400px"; // charts so far out of sight are drawn already

export class Chart {
  /**
   * @param what { key, title, hint, draw, spot?, pick?, wide? }
   *   draw(Plotly, node, race, palette, chart) returns why there is nothing to see, or ""
   *   spot(race, position) gives where a position of the tree is on it, { x, y }, or null
   *   pick(race, x) gives the position that stands at x, or null
   */
  constructor(what, onSeen) {
    Object.assign(this, { key: what.key, title: what.title, drawWith: what.draw, spot: what.spot, pick: what.pick });
    this.pause = what.wide ? LEAST_PAUSE.wide : LEAST_PAUSE.small;
    this.plot = el("div.plot", { role: "img", "aria-label": what.title });
    this.marks = el("div.marks", { "aria-hidden": "true" });
    this.none = el("p.none", { hidden: true });
    this.hint = el("span.hint", {}, what.hint);
    this.box = el("div.plotbox", {}, this.plot, this.marks, this.none);
    this.saving = ["png", "svg"].map((format) => el("button.quiet.save", { type: "button", disabled: true, "aria-label": `Save the chart “${what.title}” as ${format.toUpperCase()}`, onclick: () => this.save(format) }, format.toUpperCase()));
    this.head = el("div.charthead", {}, el("b", { role: "heading", "aria-level": "3" }, what.title), this.hint, el("span.push"), ...this.saving);
    this.node = el(`section.panel.chart${what.wide ? ".wide" : ""}`, { "data-chart": what.key }, this.head, this.box);
    this.range = null; // seconds [from, to] that the user zoomed to
    this.due = 0;
    this.stale = false;
    this.first = null;
    this.drawn = false;
    this.held = false; // a drag is on its way: drawing would end it
    this.seen = true;
    new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      if (this.seen && this.stale) onSeen();
    }, { rootMargin: NEAR }).observe(this.node);
    this.box.addEventListener("pointerdown", () => (this.held = true));
    const release = () => {
      if (this.held && this.stale) setTimeout(onSeen);
      this.held = false;
    };
    for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, release);
  }

  /** The first time it is not all drawn at once, which would be felt, and due again. */
  draw(Plotly, race, palette) {
    const began = performance.now();
    this.Plotly = Plotly;
    this.race = race;
    this.palette = palette;
    this.first ??= new FirstDrawing(Plotly);
    const missing = this.drawWith(this.first.more ? this.first : Plotly, this.plot, race, palette, this);
    show(this.none, Boolean(missing));
    this.plot.classList.toggle("bare", Boolean(missing));
    if (!missing && this.first.more) return;
    for (const button of this.saving) button.disabled = Boolean(missing);
    if (missing) setText(this.none, missing);
    const says = `${this.title}: ${missing || this.says || this.hint.textContent}${missing ? "" : ` (${label(race).words})`}`;
    if (this.plot.getAttribute("aria-label") !== says) this.plot.setAttribute("aria-label", says);
    this.drawn = true;
    this.stale = false;
    this.onDrawn?.();
    const now = performance.now();
    this.due = now + Math.max(this.pause, SHARE * (now - began));
  }

  /** The area in which data is drawn, in pixels of the box, with the ranges of its axes; null before it is drawn. */
  frame() {
    const { layout } = this.plot;
    if (!layout?.xaxis?.range || this.plot.classList.contains("bare")) return null;
    const { l, r, t, b } = layout.margin;
    const width = this.plot.clientWidth - l - r, height = this.plot.clientHeight - t - b;
    const [x0, x1] = layout.xaxis.range, [y0, y1] = layout.yaxis.range;
    return {
      l, t, width, height,
      x: (value) => l + ((value - x0) / (x1 - x0)) * width,
      y: (value) => t + (1 - (value - y0) / (y1 - y0)) * height,
      timeAt: (pixel) => x0 + ((pixel - l) / width) * (x1 - x0),
      rowAt: (pixel) => y0 + (1 - (pixel - t) / height) * (y1 - y0),
      inside: (pixel) => pixel >= l && pixel <= l + width,
    };
  }

  async save(format) {
    await savePicture(this, format);
  }
}
