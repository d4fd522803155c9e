// The curves of a race: tokens over time, acceptance by position, speedup over time. Each returns "" or why it is empty.

import { MODES } from "./format.js";
import { layout, react } from "./plot.js";

const SAMPLES = 240; // points of the speedup curve

const ends = (series, now) => ({ x: [...series.x, now], y: [...series.y, series.last] });

function label(x, y, text, color) {
  return { x, y, text, showarrow: false, xanchor: "right", yanchor: "bottom", font: { color, size: 12.5 }, yshift: 3 };
}

export function drawTokens(Plotly, node, race, palette) {
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

export function drawAcceptance(Plotly, node, race, palette) {
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

export function drawSpeedup(Plotly, node, race, palette) {
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
