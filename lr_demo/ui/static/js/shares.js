// Where time and tokens went: wall time by what was waited for, tokens kept and thrown away, token-level speculation.

import { MODES, percent, seconds } from "./format.js";
import { KINDS } from "./path.js";
import { layout, LEGEND, react } from "./plot.js";
import { originLine } from "./provenance.js";

const NAMES = { draft: "draft", target: "target", corrected: "correction", judge: "verdict", wait: "other waiting", open: "not decided yet" };
const COLORS = { draft: "draft", target: "target", corrected: "fix", judge: "judge", wait: "wait", open: "line" };
const PATTERNS = { corrected: "/", wait: ".", open: "x" };

/** Stacked bars, one row per name; `parts` are { name, color, shape, values, text, hover }. */
function stacked(Plotly, node, palette, rows, parts, axis) {
  const traces = parts.map(({ name, color, shape, values, text, hover }) => ({
    type: "bar", orientation: "h", name, y: rows, x: values, text, textposition: "inside", insidetextanchor: "middle", textangle: 0, constraintext: "inside", ...(color === "wait" && { insidetextfont: { color: palette.ink } }),
    marker: { color: palette[color], line: { color: palette.panel, width: 1 }, ...(shape && { pattern: { shape, fillmode: "overlay", size: 6, solidity: 0.25, fgcolor: palette.panel } }) },
    customdata: hover, hovertemplate: "%{customdata}<extra></extra>",
  }));
  react(Plotly, node, traces, layout(palette, {
    barmode: "stack", bargap: 0.35, showlegend: true,
    legend: LEGEND,
    margin: { l: 62, r: 14, t: 40, b: 36 },
    xaxis: { title: { text: axis }, rangemode: "tozero" },
    yaxis: { showgrid: false, autorange: "reversed" },
  }));
}

export function drawTime(Plotly, node, race, palette, chart) {
  const lanes = [[race.run, MODES[race.mode]?.short ?? race.mode]];
  if (race.baseline) lanes.push([race.baseline, "AR"]);
  if (!race.run.path.commits.length) return "No step of the answer yet.";
  const spent = lanes.map(([lane]) => lane.path.spent(lane.state.t, lane.state.finished !== null));
  const used = KINDS.filter((kind) => spent.some((times) => times[kind] > 0));
  const tail = originLine(race, "the chain of step_started, step_finished, verdict and step_committed");
  const parts = used.map((kind) => ({
    name: NAMES[kind], color: COLORS[kind], shape: PATTERNS[kind],
    values: spent.map((times) => times[kind]),
    text: spent.map((times, i) => percent(times[kind] / lanes[i][0].state.t)),
    hover: spent.map((times, i) => `${lanes[i][1]}: ${seconds(times[kind])} of ${seconds(lanes[i][0].state.t)} waited for: ${NAMES[kind]}${tail}`),
  }));
  stacked(Plotly, node, palette, lanes.map(([, name]) => name), parts, "seconds");
  const total = race.run.state.t;
  chart.says = used.map((kind) => `${NAMES[kind]} ${percent(spent[0][kind] / total)}`).join(", ");
  return "";
}

export function drawWaste(Plotly, node, race, palette, chart) {
  const { measures, state } = race.run;
  const { target, draft } = state.written;
  if (!target) return "No token yet.";
  const drafted = measures.usedDraft + state.draftedAhead.confirmed;
  const usedTarget = race.run.plain ? target : Math.min(target, measures.usedTarget);
  const open = state.finished ? "thrown away" : "thrown away, or undecided";
  const rows = draft ? ["draft", "target"] : ["target"];
  const kept = draft ? [drafted, usedTarget] : [usedTarget];
  const lost = draft ? [Math.max(0, draft - drafted), target - usedTarget] : [target - usedTarget];
  const tail = originLine(race, "step_delta, step_finished and step_committed");
  const part = (name, color, shape, values) => ({
    name, color, shape, values,
    text: values.map((n, i) => percent(n / (kept[i] + lost[i] || 1))),
    hover: values.map((n, i) => `${rows[i]}: ${Math.round(n)} of ${Math.round(kept[i] + lost[i])} tokens ${name === "used" ? "in the answer, or in a step that decided one" : name}${tail}`),
  });
  stacked(Plotly, node, palette, rows, [part("used", "ok", "", kept), part(open, "wait", "/", lost)], "tokens written");
  chart.says = rows.map((row, i) => `${row} ${percent(lost[i] / (kept[i] + lost[i] || 1))} thrown away`).join(", ");
  return "";
}

export function drawSpeculation(Plotly, node, race, palette, chart) {
  const { state } = race.run;
  const counted = state.finished?.speculation;
  const ahead = state.draftedAhead;
  if (!counted?.proposed_tokens && !ahead.tokens) {
    if (!state.started) return "Nothing has run yet.";
    if (!state.started.speculation) return "No token-level speculation in this run.";
    return state.finished ? "The target’s server counted no proposed token." : "The target’s server tells when the run has ended.";
  }
  const rows = [], kept = [], lost = [];
  if (counted?.proposed_tokens) {
    rows.push("proposed");
    kept.push(counted.accepted_tokens);
    lost.push(counted.proposed_tokens - counted.accepted_tokens);
  }
  if (ahead.tokens) {
    rows.push("drafted<br>ahead");
    kept.push(ahead.confirmed);
    lost.push(Math.max(0, ahead.tokens - ahead.confirmed));
  }
  const length = counted?.drafts ? `; ${(1 + counted.accepted_tokens / counted.drafts).toFixed(2)} tokens a pass` : "";
  const tail = originLine(race, "run_finished, as the target’s server counted, and drafted_ahead");
  const part = (name, color, shape, values) => ({
    name, color, shape, values,
    text: values.map((n, i) => percent(n / (kept[i] + lost[i] || 1))),
    hover: values.map((n, i) => `${n} of ${kept[i] + lost[i]} tokens ${name}${length}${tail}`),
  });
  stacked(Plotly, node, palette, rows, [part("accepted", "ok", "", kept), part("rejected", "fix", "x", lost)], "tokens");
  chart.says = `${percent(kept[0] / (kept[0] + lost[0]))} of ${kept[0] + lost[0]} proposed tokens accepted${length}`;
  return "";
}
