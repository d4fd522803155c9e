// The four charts: Plotly draws, at a limited rate, one chart a frame, and only what is in sight.

import { drawAcceptance, drawSpeedup, drawTokens } from "./curves.js";
import { el, setText, show } from "./dom.js";
import { emptyAxes, loadPlotly, whenIdle } from "./plot.js";
import { colours, onThemeChange } from "./theme.js";
import { drawTimeline, legend } from "./timeline.js";

const LEAST_PAUSE = 500; // ms between two drawings of a live chart
const STAGGER = 120; // ms between the first drawings of the charts of a race
const SHARE = 20; // a chart rests at least this many times as long as it took

class Chart {
  /** @param draw gets (Plotly, node, race, palette, chart) and returns why there is nothing to see, or "" */
  constructor(title, hint, draw, onSeen) {
    this.plot = el("div.plot", { role: "img", "aria-label": title });
    this.none = el("p.none", { hidden: true });
    this.head = el("div.charthead", {}, el("b", { role: "heading", "aria-level": "3" }, title), el("span.hint", {}, hint));
    this.node = el("section.panel.chart", {}, this.head, el("div.plotbox", {}, this.plot, this.none));
    this.drawWith = draw;
    this.range = null; // seconds [from, to] that the user zoomed to
    this.due = 0;
    this.stale = false;
    this.drawn = false;
    this.seen = true;
    new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      if (this.seen && this.stale) onSeen();
    }).observe(this.node);
  }

  draw(Plotly, race, palette) {
    const began = performance.now();
    const missing = this.drawWith(Plotly, this.plot, race, palette, this);
    show(this.none, Boolean(missing));
    this.plot.classList.toggle("bare", Boolean(missing));
    if (missing) setText(this.none, missing);
    this.drawn = true;
    this.stale = false;
    const now = performance.now();
    this.due = now + Math.max(LEAST_PAUSE, SHARE * (now - began));
  }
}

export class Charts {
  constructor() {
    const seen = () => this.onReady();
    this.all = [
      new Chart("Timeline", "", drawTimeline, seen),
      new Chart("Tokens over time", "tokens of the answer", drawTokens, seen),
      new Chart("Acceptance by position", "share of drafted steps kept", drawAcceptance, seen),
      new Chart("Speedup over time", "tokens/s so far ÷ the baseline’s", drawSpeedup, seen),
    ];
    this.all[0].head.append(legend());
    this.node = el("div.charts", {}, ...this.all.map((chart) => chart.node));
    this.Plotly = null;
    this.palette = null;
    this.onReady = () => {};
    loadPlotly().then(
      (Plotly) => {
        this.Plotly = Plotly;
        this.prepare(0);
        this.onReady();
      },
      (error) => this.all.forEach((chart) => { setText(chart.none, error.message); show(chart.none, true); }),
    );
    onThemeChange(() => {
      this.palette = null;
      if (this.all.some((chart) => chart.drawn)) this.touch(true);
      this.onReady();
    });
  }

  /** Draws empty axes, a chart at a time: the first drawing is the dearest, so it comes before a race. */
  prepare(i) {
    const chart = this.all[i];
    if (!chart) return;
    whenIdle(() => {
      this.palette ??= colours(this.node);
      if (!chart.drawn) emptyAxes(this.Plotly, chart.plot, this.palette);
      this.prepare(i + 1);
    });
  }

  /** All charts are out of date; `now`: and none of them rests before it is drawn again. */
  touch(now = false) {
    for (const chart of this.all) {
      chart.stale = true;
      if (now) chart.due = 0;
    }
  }

  /** A new race: views that the user chose are let go. */
  reset() {
    this.all.forEach((chart, i) => {
      chart.range = null;
      chart.due = performance.now() + (i + 1) * STAGGER;
    });
    this.touch();
  }

  /** Draws the chart in sight that is most overdue; true while some in sight are out of date. */
  step(race) {
    if (!this.Plotly) return false;
    const now = performance.now();
    const waiting = this.all.filter((chart) => chart.stale && chart.seen);
    const next = waiting.filter((chart) => chart.due <= now).sort((a, b) => a.due - b.due)[0];
    this.palette ??= colours(this.node);
    next?.draw(this.Plotly, race, this.palette);
    return waiting.length > (next ? 1 : 0);
  }
}
