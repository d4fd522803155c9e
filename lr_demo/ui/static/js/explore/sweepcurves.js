// The curves of a sweep: tokens/s with plain decoding as a level, acceptance, waste, each against the value.

import { el, setText, show } from "../dom.js";
import { layout, loadPlotly, react } from "../plot.js";
import { colours, onThemeChange } from "../theme.js";
import { apart, source, WORDS } from "./sweeptable.js";

const CURVES = [
  { key: "tokens_per_s", title: "Tokens per second", hint: "of the answer, over wall time", colour: "ok", unit: " tokens/s", axis: { rangemode: "tozero" } },
  { key: "acceptance", title: "Acceptance", hint: "share of compared steps where the drafted one stayed", colour: "target", unit: " accepted", axis: { range: [0, 1.05], tickformat: ".0%" } },
  { key: "waste", title: "Waste", hint: "tokens thrown away for each token of the answer", colour: "fix", unit: " tokens thrown away", axis: { rangemode: "tozero" } },
];

export class SweepCurves {
  constructor() {
    this.sweep = null;
    this.charts = CURVES.map((curve) => {
      const plot = el("div.plot", { role: "img", "aria-label": curve.title });
      const none = el("p.none", { hidden: true });
      const node = el("section.panel.chart", {}, el("div.charthead", {}, el("b", {}, curve.title), el("span.hint", {}, curve.hint)), el("div.plotbox", {}, plot, none));
      return { ...curve, plot, none, node };
    });
    this.node = el("div.curves", {}, ...this.charts.map(({ node }) => node));
    onThemeChange(() => this.draw());
  }

  clear() {
    this.sweep = null;
    for (const { plot, none } of this.charts) {
      plot.classList.add("bare");
      show(none, false);
    }
  }

  async show(sweep) {
    this.sweep = sweep;
    try {
      this.Plotly = await loadPlotly();
    } catch (error) {
      for (const { none } of this.charts) {
        setText(none, error.message);
        show(none, true);
      }
      return;
    }
    this.draw();
  }

  draw() {
    if (!this.sweep || !this.Plotly || !this.node.isConnected) return;
    const palette = colours(this.node);
    for (const chart of this.charts) this.drawOne(chart, palette);
  }

  drawOne({ key, title, colour, unit, axis, plot, none }, palette) {
    const { points, setting, simulated } = this.sweep;
    const how = simulated ? "simulated" : "measured";
    const there = points.filter(({ figures }) => figures[key]);
    const over = this.sweep.ended !== null;
    plot.classList.toggle("bare", !there.length);
    show(none, !there.length);
    setText(none, over ? "No run of this sweep has such a figure." : "The first point comes with the first run that ends.");
    if (!there.length) return;
    const names = points.map(({ label }) => label);
    const traces = [{
      ...curve(there, key, how, ({ run, finished }) => (finished ? run : null)), name: title, type: "scatter", mode: "lines+markers",
      line: { color: palette[colour], width: 2.5 }, marker: { size: 9 }, hovertemplate: `${setting} %{x}: %{customdata}${unit}<br>%{text}<extra></extra>`,
    }];
    const based = key === "tokens_per_s" ? points.filter(({ figures }) => figures.baseline_tokens_per_s) : [];
    const annotations = [];
    if (based.length) {
      traces.push({
        ...curve(based, "baseline_tokens_per_s", how, ({ baseline }) => baseline), name: "AR", type: "scatter", mode: "lines+markers",
        line: { color: palette.wait, width: 2, dash: "dash" }, marker: { size: 5 }, hovertemplate: "AR: %{customdata} tokens/s<br>%{text}<extra></extra>",
      });
      const last = based[based.length - 1];
      annotations.push({ x: names.indexOf(last.label), y: last.figures.baseline_tokens_per_s.mean, text: "AR", showarrow: false, xanchor: "left", xshift: 9, font: { color: palette.mut, size: 12.5 } });
    }
    react(this.Plotly, plot, traces, layout(palette, {
      annotations,
      xaxis: { type: "category", categoryorder: "array", categoryarray: names, range: [-0.4, names.length - 0.6], title: { text: setting } },
      yaxis: axis,
    }));
  }
}

/** Means with bars from the lowest to the highest run; `named` gives the id of the run that a figure comes from. */
function curve(points, key, how, named) {
  const words = WORDS[key];
  const spreads = points.map(({ figures }) => figures[key]);
  const ids = ({ runs }) => [...new Set(runs.map(named).filter(Boolean))];
  return {
    x: points.map(({ label }) => label), y: spreads.map(({ mean }) => mean),
    error_y: {
      type: "data", symmetric: false, visible: spreads.some(({ runs }) => runs > 1), thickness: 1.5, width: 5,
      array: spreads.map(({ mean, high }) => high - mean), arrayminus: spreads.map(({ mean, low }) => mean - low),
    },
    customdata: spreads.map((spread) => [words(spread.mean), apart(spread, words)].filter(Boolean).join(", ")),
    text: points.map((point, i) => source(how, spreads[i], ids(point))),
  };
}
