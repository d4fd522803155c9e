// The four charts: Plotly draws, at a limited rate, one chart a frame, each with a bounded number of points.

import { el, setText, show } from "./dom.js";
import { MODES } from "./format.js";
import { layout, loadPlotly, react } from "./plot.js";
import { colours, onThemeChange } from "./theme.js";
import { drawTimeline, legend } from "./timeline.js";

const LEAST_PAUSE = 400; // ms between two drawings of a live chart
const SAMPLES = 240; // points of the speedup curve
const SHARE = 12; // a chart rests at least this many times as long as it took

class Chart {
  constructor(title, hint, draw) {
    this.plot = el("div.plot", { role: "img", "aria-label": title });
    this.none = el("p.none", { hidden: true });
    this.sub = el("span.hint", {}, hint);
    this.head = el("div.charthead", {}, el("b", {}, title), this.sub);
    this.node = el("section.panel.chart", {}, this.head, el("div.plotbox", {}, this.plot, this.none));
    this.drawWith = draw;
    this.due = 0;
    this.stale = false;
  }

  draw(Plotly, race, palette) {
    const began = performance.now();
    const missing = this.drawWith(Plotly, this.plot, race, palette, this);
    show(this.none, Boolean(missing));
    this.plot.classList.toggle("bare", Boolean(missing));
    if (missing) setText(this.none, missing);
    const now = performance.now();
    this.due = now + Math.max(LEAST_PAUSE, SHARE * (now - began));
    this.stale = false;
  }
}

export class Charts {
  constructor() {
    this.all = [
      new Chart("Timeline", "", drawTimeline),
      new Chart("Tokens over time", "tokens of the answer", drawTokens),
      new Chart("Acceptance by position", "share of drafted steps kept", drawAcceptance),
      new Chart("Speedup over time", "tokens/s so far ÷ the baseline’s", drawSpeedup),
    ];
    this.all[0].head.append(legend());
    this.node = el("div.charts", {}, ...this.all.map((chart) => chart.node));
    this.Plotly = null;
    this.onReady = () => {};
    loadPlotly().then(
      (Plotly) => {
        this.Plotly = Plotly;
        this.touch();
        this.onReady();
      },
      (error) => this.all.forEach((chart) => { setText(chart.none, error.message); show(chart.none, true); }),
    );
    onThemeChange(() => {
      this.palette = null;
      this.touch();
      this.onReady();
    });
  }

  /** All charts are out of date. */
  touch() {
    for (const chart of this.all) chart.stale = true;
  }

  /** A new race: views that the user chose are let go. */
  reset() {
    for (const chart of this.all) {
      chart.range = null;
      chart.due = 0;
    }
    this.touch();
  }

  /** Draws the chart that is most overdue; true while some are out of date. */
  step(race) {
    if (!this.Plotly) return false;
    const now = performance.now();
    const waiting = this.all.filter((chart) => chart.stale);
    const next = waiting.filter((chart) => chart.due <= now).sort((a, b) => a.due - b.due)[0];
    this.palette ??= colours(this.node);
    next?.draw(this.Plotly, race, this.palette);
    return waiting.length > (next ? 1 : 0);
  }
}

const ends = (series, now) => ({ x: [...series.x, now], y: [...series.y, series.last] });

function label(x, y, text, color) {
  return { x, y, text, showarrow: false, xanchor: "right", yanchor: "bottom", font: { color, size: 12.5 }, yshift: 3 };
}

function drawTokens(Plotly, node, race, palette) {
  const lanes = [];
  if (race.baseline) lanes.push([race.baseline, "AR", palette.wait]);
  lanes.push([race.run, MODES[race.mode]?.short ?? race.mode, race.baseline ? palette.ok : palette.target]);
  const annotations = [];
  const traces = lanes.map(([lane, name, color]) => {
    const { tokens } = lane.measures;
    const { x, y } = ends(tokens, Math.max(lane.state.t, tokens.x[tokens.x.length - 1]));
    if (y[y.length - 1] > 0) annotations.push(label(x[x.length - 1], y[y.length - 1], name, color));
    return { x, y, name, type: "scatter", mode: "lines", line: { color, width: 2.5, shape: lane.plain ? "linear" : "hv" }, hovertemplate: `${name}: %{y} tokens after %{x:.1f} s<extra></extra>` };
  });
  react(Plotly, node, traces, layout(palette, {
    annotations,
    xaxis: { title: { text: "seconds" }, rangemode: "tozero" },
    yaxis: { rangemode: "tozero" },
  }));
  return "";
}

function drawAcceptance(Plotly, node, race, palette) {
  const tallies = [];
  race.run.measures.ahead.forEach((tally, ahead) => tallies.push([ahead, tally]));
  if (!tallies.length) return race.run.plain && race.run.state.started ? "This mode drafts no steps." : "No verdict yet.";
  const x = tallies.map(([ahead]) => ahead);
  const share = tallies.map(([, { accepted, rejected }]) => accepted / (accepted + rejected));
  const text = tallies.map(([, { accepted, rejected }]) => `${accepted} of ${accepted + rejected}`);
  const trace = {
    type: "bar", x, y: share, text, textposition: "auto", cliponaxis: false,
    marker: { color: palette.ok }, width: 0.6,
    hovertemplate: "%{x} ahead: %{text} accepted<extra></extra>",
  };
  react(Plotly, node, [trace], layout(palette, {
    xaxis: { title: { text: "steps ahead of the accepted text" }, dtick: 1, showgrid: false, range: [0.4, Math.max(3.6, x[x.length - 1] + 0.6)] },
    yaxis: { range: [0, 1.08], tickformat: ".0%", tickvals: [0, 0.25, 0.5, 0.75, 1] },
  }));
  return "";
}

function drawSpeedup(Plotly, node, race, palette) {
  if (!race.baseline) return "There is no baseline to compare with.";
  const rate = race.baselineRate();
  const { tokens } = race.run.measures;
  if (!rate || tokens.x.length < 2) return "No step of the answer yet.";
  const first = tokens.x.find((t, i) => t > 0 && tokens.y[i] > 0);
  const end = race.run.state.t;
  const times = [], speedup = [];
  for (let i = 0; i <= SAMPLES; i++) {
    const t = first + ((end - first) * i) / SAMPLES;
    times.push(t);
    speedup.push(tokens.at(t) / t / rate);
  }
  const last = speedup[SAMPLES];
  const color = last >= 1 ? palette.ok : palette.fix;
  const trace = { x: times, y: speedup, type: "scatter", mode: "lines", line: { color, width: 2.5 }, hovertemplate: "%{y:.2f}× after %{x:.1f} s<extra></extra>" };
  react(Plotly, node, [trace], layout(palette, {
    shapes: [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: 1, y1: 1, line: { color: palette.wait, width: 1.5, dash: "dot" } }],
    annotations: [label(end, last, `${last.toFixed(2)}×`, color)],
    xaxis: { title: { text: "seconds" }, rangemode: "tozero" },
    yaxis: { range: [0, Math.max(1.25, Math.max(...speedup.slice(speedup.length >> 3)) * 1.15)], ticksuffix: "×" },
  }));
  return "";
}
