// The curves of a race: tokens over time, speedup over time. Each returns "" or why it is empty.

import { MODES } from "./format.js";
import { expected } from "./expected.js";
import { layout, LEGEND, react } from "./plot.js";
import { originLine } from "./provenance.js";

const SAMPLES = 240; // points of the speedup curve

const ends = (series, now) => ({ x: [...series.x, now], y: [...series.y, series.last] });

function label(x, y, text, color) {
  return { x, y, text, showarrow: false, xanchor: "right", yanchor: "bottom", font: { color, size: 12.5 }, yshift: 3 };
}

/** How lanes are told apart without colour: a dash and a mark at the end, the same in words; the run comes last. */
const LOOKS = {
  first: { color: "wait", dash: "dot", symbol: "circle", mark: "●" },
  between: [
    { color: "target", dash: "dash", symbol: "triangle-up", mark: "▲" },
    { color: "judge", dash: "dashdot", symbol: "square", mark: "■" },
  ],
  run: { color: "ok", dash: "solid", symbol: "diamond", mark: "◆" },
  alone: { color: "target", dash: "solid", symbol: "diamond", mark: "◆" },
};

/** The lanes of a race, each with its name and its look: { lane, name, look }. */
export function looks(race) {
  const { sides } = race;
  return sides.map(({ lane, info }, i) => {
    const look = sides.length === 1 ? LOOKS.alone : i === sides.length - 1 ? LOOKS.run : i === 0 ? LOOKS.first : LOOKS.between[(i - 1) % LOOKS.between.length];
    return { lane, look, name: MODES[info.mode]?.short ?? info.mode };
  });
}

export function drawTokens(Plotly, node, race, palette, chart) {
  const lanes = looks(race);
  if (lanes.every(({ lane }) => lane.state.t === 0)) return "No token yet.";
  const many = lanes.length > 2; // too many for names at their ends: these stand above
  const annotations = [];
  const traces = lanes.flatMap(({ lane, name, look }) => {
    const { tokens } = lane.measures;
    const { x, y } = ends(tokens, Math.max(lane.state.t, tokens.x[tokens.x.length - 1]));
    const color = palette[look.color];
    const [end, last] = [x[x.length - 1], y[y.length - 1]];
    if (!many && last > 0) annotations.push(label(end, last, name, color));
    const from = lane.plain ? "step_delta" : "step_committed";
    const line = {
      x, y, name: many ? `${look.mark} ${name}` : name, type: "scatter", mode: "lines", line: { color, width: 2.5, dash: look.dash, shape: lane.plain ? "linear" : "hv" },
      hovertemplate: `${name}: %{y:.0f} tokens after %{x:.1f} s${originLine(race, from)}<extra></extra>`,
    };
    const mark = { x: [end], y: [last], type: "scatter", mode: "markers", marker: { symbol: look.symbol, size: 11, color, line: { color: palette.panel, width: 1 } }, showlegend: false, hoverinfo: "skip", cliponaxis: false };
    return many && last > 0 ? [line, mark] : [line];
  });
  chart.says = lanes.map(({ lane, name }) => `${name} ${lane.measures.tokens.last} tokens in ${lane.state.t.toFixed(1)} s`).join(", ");
  react(Plotly, node, traces, layout(palette, {
    annotations,
    ...(many && { showlegend: true, legend: LEGEND, margin: { l: 46, r: 14, t: 34, b: 36 } }),
    xaxis: { title: { text: "seconds" }, rangemode: "tozero" },
    yaxis: { rangemode: "tozero" },
  }));
  return "";
}

export function drawSpeedup(Plotly, node, race, palette, chart) {
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
  const trace = {
    x: times, y: speedup, type: "scatter", mode: "lines", line: { color, width: 2.5 }, name: "measured",
    hovertemplate: `%{y:.2f}× after %{x:.1f} s${originLine(race, "step_committed; over the baseline’s tokens/s")}<extra></extra>`,
  };
  const annotations = [label(end, last, `${last.toFixed(2)}×`, color)];
  const traces = [trace];
  const theory = expected(race);
  if (theory) {
    traces.push({
      x: [first, end], y: [theory.speedup, theory.speedup], type: "scatter", mode: "lines", name: "theory",
      line: { color: palette.judge, width: 1.8, dash: "dash" }, hovertemplate: `theory: %{y:.2f}×<br>${theory.how}<extra></extra>`,
    });
    annotations.push({ ...label(first, theory.speedup, `theory ${theory.speedup.toFixed(2)}×`, palette.judgeText), xanchor: "left" });
  }
  chart.says = `${last.toFixed(2)} times the baseline’s tokens per second${theory ? `; the theory expects ${theory.speedup.toFixed(2)} times` : ""}`;
  const most = Math.max(theory?.speedup ?? 0, ...speedup.slice(speedup.length >> 3));
  react(Plotly, node, traces, layout(palette, {
    shapes: [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: 1, y1: 1, line: { color: palette.wait, width: 1.5, dash: "dot" } }],
    annotations,
    xaxis: { title: { text: "seconds" }, rangemode: "tozero" },
    yaxis: { range: [0, Math.max(1.25, most * 1.15)], ticksuffix: "×" },
  }));
  return "";
}
