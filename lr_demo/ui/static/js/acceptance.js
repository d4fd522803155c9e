// Acceptance of drafted steps: by position in the cycle, over the run, and as lengths of accepted runs.

import { percent } from "./format.js";
import { layout, react } from "./plot.js";
import { originLine } from "./provenance.js";

const none = (race) => {
  if (race.run.plain && race.run.state.started) return "This mode drafts no steps.";
  return race.run.state.finished ? "No drafted step was compared." : "No verdict yet.";
};

export function drawByPlace(Plotly, node, race, palette, chart) {
  const tallies = [];
  race.run.measures.places.forEach((tally, place) => tallies.push([place, tally]));
  if (!tallies.length) return none(race);
  const x = tallies.map(([place]) => place);
  const share = tallies.map(([, { accepted, rejected }]) => accepted / (accepted + rejected));
  const text = tallies.map(([, { accepted, rejected }]) => (x.length > 12 ? "" : `${accepted}${x.length > 5 ? "/" : " of "}${accepted + rejected}`));
  const hover = tallies.map(([place, { accepted, rejected }]) => `step ${place} of a cycle: ${accepted} of ${accepted + rejected} drafted steps accepted`);
  const trace = {
    type: "bar", x, y: share, text, textposition: "auto", textangle: 0, cliponaxis: false, customdata: hover,
    marker: { color: palette.ok }, width: 0.6, hovertemplate: `%{customdata}${originLine(race, "verdict, also on text that was given up")}<extra></extra>`,
  };
  chart.says = tallies.slice(0, 8).map(([place], i) => `step ${place} ${percent(share[i])}`).join(", ");
  react(Plotly, node, [trace], layout(palette, {
    xaxis: { title: { text: "position in the cycle" }, dtick: x.length > 16 ? 5 : 1, showgrid: false, range: [0.4, Math.max(3.6, x[x.length - 1] + 0.6)] },
    yaxis: { range: [0, 1.08], tickformat: ".0%", tickvals: [0, 0.25, 0.5, 0.75, 1] },
  }));
  return "";
}

export function drawOverRun(Plotly, node, race, palette, chart) {
  const { acceptedShare, recentShare, acceptance } = race.run.measures;
  if (!acceptedShare.x.length) return none(race);
  const curve = (series, name, color, dash, says) => ({
    type: "scatter", mode: series.x.length < 3 ? "markers" : "lines", x: series.x, y: series.y, name, line: { color, width: 2.2, dash, shape: "hv" }, marker: { color },
    hovertemplate: `${says}: %{y:.0%} at step %{x}${originLine(race, "step_committed")}<extra></extra>`,
  });
  chart.says = `${percent(acceptance.share)} of ${acceptance.decided} compared steps accepted`;
  react(Plotly, node, [
    curve(recentShare, "last 20 compared", palette.draft, "dot", "last 20 compared steps"),
    curve(acceptedShare, "so far", palette.ok, "solid", "all so far"),
  ], layout(palette, {
    showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11.5 }, itemclick: false, itemdoubleclick: false },
    margin: { l: 46, r: 14, t: 28, b: 36 },
    xaxis: { title: { text: "step of the answer" }, rangemode: "tozero" },
    yaxis: { range: [0, 1.04], tickformat: ".0%", tickvals: [0, 0.25, 0.5, 0.75, 1] },
  }));
  return "";
}

export function drawRunLengths(Plotly, node, race, palette, chart) {
  const lengths = race.run.measures.runLengths;
  if (!lengths.length) return none(race);
  const mean = race.run.measures.acceptedRun;
  const trace = {
    type: "bar", x: lengths.map((_, n) => n), y: lengths, text: lengths.map((n) => (n ? String(n) : "")), textposition: "auto", width: 0.6, marker: { color: palette.ok },
    hovertemplate: `%{y} cycles with %{x} accepted steps${originLine(race, "cycle_started and step_committed")}<extra></extra>`,
  };
  chart.says = `${mean.toFixed(1)} accepted steps a cycle on average`;
  react(Plotly, node, [trace], layout(palette, {
    annotations: [{ x: mean, y: 1, yref: "paper", yanchor: "bottom", text: `mean ${mean.toFixed(1)}`, showarrow: false, font: { size: 12, color: palette.ink } }],
    shapes: [{ type: "line", x0: mean, x1: mean, y0: 0, y1: 1, yref: "paper", line: { color: palette.ink, width: 1.5, dash: "dot" } }],
    margin: { l: 46, r: 14, t: 22, b: 36 },
    xaxis: { title: { text: "accepted steps in a cycle" }, dtick: lengths.length > 16 ? 5 : 1, showgrid: false, range: [-0.6, Math.max(3.6, lengths.length - 0.4)] },
    yaxis: { rangemode: "tozero", dtick: Math.max(1, Math.ceil(Math.max(...lengths) / 4)) },
  }));
  return "";
}
