// The timeline: bars of who worked when, verdicts, the critical path, and the target's batch below on the same clock.
// A live run shows its last spans until the user zooms; what the user zoomed to stays.

import { batchCurve } from "./batch.js";
import { el } from "./dom.js";
import { percent, seconds } from "./format.js";
import { layout, react } from "./plot.js";
import { escaped, origin } from "./provenance.js";
import { KINDS } from "./spans.js";

const MOST_NAMES = 10; // rows that are named one by one
const LIVE_SPANS = 48; // a live timeline shows about so many: that it is drawn must not be felt
const MOST_MARKS = { live: 40, whole: 160 }; // verdicts in view that are marked, a third of a drawing's time; beyond, neighbours become one
const LABELS = { ticklabeloverflow: "allow" }; // the margins hold them: measuring each is a tenth of a drawing's time
const HALF = 0.36; // of the height of a bar, in rows
const BATCH_SHARE = 0.2; // of the height
const TOUCH = matchMedia("(pointer: coarse)").matches; // a finger that drags scrolls the page

const look = (color, opacity = 1, shape = "") => (p) => ({ color: p[color], opacity, shape });
const LOOK = {
  draft: look("draft"),
  target: look("target"),
  accepted: look("ok"),
  confirmed: look("ok", 0.55),
  corrected: look("fix"),
  rejected: look("fix", 0.75, "x"),
  cancelled: look("wait", 0.7, "/"),
  judge: look("judge"),
};

/** What the looks of the bars mean. */
export function legend() {
  const kinds = Object.entries(KINDS).map(([kind, name]) => el("span", {}, el("i", { "data-kind": kind }), name));
  const path = el("span", { title: "The chain of waits that determined the end: a draft, the target, a verdict, the step before." }, el("i.path"), "critical path");
  return el("span.legend", {}, ...kinds, path);
}

/** One trace per kind, all its bars one filled path: a hundred bars cost hardly more than one. */
class Bars {
  /** @param told whether Plotly tells what a bar is; on the Live page the inspector does */
  constructor(kind, palette, told) {
    const { color, opacity, shape } = LOOK[kind](palette);
    this.trace = {
      type: "scatter", mode: "lines", fill: "toself", opacity, line: { width: 0.8, color: shape ? color : palette.panel, simplify: false },
      name: KINDS[kind], x: [], y: [], hoverinfo: "skip",
    };
    if (shape) this.trace.fillpattern = { shape, fgcolor: color, bgcolor: "rgba(0,0,0,0)", size: 6, solidity: 0.35 };
    else this.trace.fillcolor = color;
    if (told) Object.assign(this.trace, { text: [], hoverinfo: "text", hoveron: "points", hovertemplate: "%{text}<extra></extra>" });
  }

  add(start, end, row, lines) {
    this.trace.x.push(start, start, end, end, start, null);
    this.trace.y.push(row - HALF, row + HALF, row + HALF, row - HALF, row - HALF, null);
    if (this.trace.text) this.trace.text.push(...Array(6).fill(escaped(lines().join("\n")).replaceAll("\n", "<br>")));
  }
}

/** Rows by role with the heights of their middles, the topmost highest. */
function places(rows) {
  const roles = new Map();
  rows.forEach((row, i) => {
    const y = rows.length - 1 - i;
    const found = roles.get(row.role);
    if (found) found.ys.push(y);
    else roles.set(row.role, { name: row.name.replace(/ \d+$/, ""), ys: [y] });
  });
  return roles;
}

const middle = ({ ys }) => (ys[0] + ys[ys.length - 1]) / 2;

/** Names of the rows; where there are too many to read, one for all rows of a role. */
function names(rows, roles) {
  if (rows.length <= MOST_NAMES) return { tickvals: rows.map((_, i) => rows.length - 1 - i), ticktext: rows.map(({ name }) => name) };
  return {
    tickvals: [...roles.values()].map(middle),
    ticktext: [...roles.values()].map(({ name, ys }) => (ys.length > 1 ? `${name} ×${ys.length}` : name)),
  };
}

/** At the right of each role: how much of the time none of its rows worked. */
function idle(spans, roles, now, palette) {
  const ofRole = [...roles].filter(([role]) => role !== "judge");
  return ofRole.map(([role, place]) => ({
    x: 1, xref: "paper", xanchor: "left", y: middle(place), yref: "y", showarrow: false, align: "left", xshift: 4,
    text: `idle<br>${percent(Math.max(0, 1 - spans.busy[role] / now))}`, font: { size: 11, color: palette.mut },
  }));
}

function idleLines(rows, from, to, palette) {
  const x = [], y = [];
  rows.forEach((_, i) => {
    x.push(from, to, null);
    y.push(i, i, null);
  });
  return { type: "scatter", mode: "lines", x, y, line: { color: palette.line, width: 1 }, hoverinfo: "skip", name: "idle" };
}

function verdictMarks(marks, height, accepted, palette, grain) {
  const x = [], y = [];
  let last = -Infinity;
  for (const mark of marks) {
    if (mark.accepted !== accepted || mark.t - last < grain) continue;
    last = mark.t;
    x.push(mark.t);
    y.push(height("judge", mark.slot));
  }
  const color = accepted ? palette.ok : palette.fix;
  const marker = accepted ? { symbol: "circle", size: 7, color } : { symbol: "x", size: 7, color };
  return { type: "scatter", mode: "markers", x, y, marker: { ...marker, line: { width: 1, color: palette.panel } }, hoverinfo: "skip", name: accepted ? "accepted" : "rejected" };
}

/** The chain of waits as one line through the bars it is made of. */
function pathLine(links, spans, height, palette, grain) {
  const x = [], y = [];
  let row = null;
  for (const { start, end, key } of links) {
    const span = key ? spans.byStep.get(key) : null;
    if (span) row = height(span.row.role, span.row.slot);
    if (row === null || (x.length && x[x.length - 1] - start < grain)) continue;
    x.push(end, start);
    y.push(row, row);
  }
  return { type: "scatter", mode: "lines", x, y, line: { color: palette.ink, width: 1.8, simplify: false }, opacity: 0.9, hoverinfo: "skip", name: "critical path" };
}

/** The part of the time that is shown: what the user zoomed to, else the last spans of a live run, else all of it. */
function view(spans, state, now, chart) {
  if (chart.range) return chart.range;
  const recent = !state.finished && spans.all.length > LIVE_SPANS;
  return [recent ? spans.all[spans.all.length - LIVE_SPANS].start : 0, Math.max(now, 0.05)];
}

/** @param chart { range, watched, batch }: what is zoomed to; `batch`: the target's batch is drawn below, and an inspector tells what bars are */
export function drawTimeline(Plotly, node, race, palette, chart) {
  const { spans, state, path } = race.run;
  if (!spans.all.length) return "Nothing has run yet.";
  const now = state.t;
  const [from, to] = view(spans, state, now, chart);
  const rows = spans.rows();
  const roles = places(rows);
  const first = Object.fromEntries([...roles].map(([role, { ys }]) => [role, ys[0]]));
  const height = (role, slot) => first[role] - slot;
  const grain = (to - from) / 700;
  const bars = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, new Bars(kind, palette, !chart.batch)]));
  chart.bars = spans.between(from, to, now).map(({ span, start, end, kind, n }) => {
    const row = height(span.row.role, span.row.slot);
    const bar = { span, start, end, kind, n, row };
    bars[kind].add(start, end, row, () => barLines(bar, race));
    return bar;
  });
  const marks = spans.verdicts.filter(({ t }) => t >= from && t <= to);
  const most = state.finished ? MOST_MARKS.whole : MOST_MARKS.live;
  const crowded = marks.length > most ? (to - from) / (most / 2) : 0;
  const named = rows.length <= MOST_NAMES; // their grid lines show when they are idle
  const traces = [
    ...(named ? [] : [idleLines(rows, from, to, palette)]),
    ...Object.values(bars).map((bar) => bar.trace),
    pathLine(path.between(from, to), spans, height, palette, grain),
    verdictMarks(marks, height, true, palette, crowded),
    verdictMarks(marks, height, false, palette, crowded),
  ];
  const budget = state.started?.settings?.parallel_budget;
  const batch = chart.batch ? batchCurve(spans, from, to, now) : null;
  chart.curve = batch;
  if (batch) {
    traces.push({
      type: "scatter", mode: "lines", x: batch.x, y: batch.y, yaxis: "y2", fill: "tozeroy", hoverinfo: "skip", name: "batch of the target",
      line: { color: palette.target, width: 1.5, shape: "hv", simplify: false }, fillcolor: palette.soft,
    });
  }
  const highest = batch ? Math.max(1, ...batch.y) : 1;
  react(Plotly, node, traces, layout(palette, {
    dragmode: TOUCH ? false : "zoom",
    hovermode: chart.batch ? false : "closest",
    uirevision: chart.range ? "zoomed" : "whole",
    margin: { l: 74, r: 52, t: 6, b: 42 },
    annotations: now > 0 ? idle(spans, roles, now, palette) : [],
    xaxis: { ...LABELS, title: { text: "seconds" }, range: [from, to], fixedrange: TOUCH, zeroline: false, anchor: batch ? "y2" : "y" },
    yaxis: { ...LABELS, ...names(rows, roles), range: [-0.6, rows.length - 0.4], showgrid: named, zeroline: false, domain: batch ? [BATCH_SHARE + 0.06, 1] : [0, 1] },
    ...(batch && {
      yaxis2: {
        ...LABELS, domain: [0, BATCH_SHARE], range: [0, highest * 1.15], fixedrange: true, zeroline: false, gridcolor: palette.line,
        tickvals: highest > 1 ? [0, Math.ceil(highest)] : [0, 1], title: { text: "batch", font: { size: 11 }, standoff: 4 },
      },
      shapes: budget && budget <= highest * 1.15 ? [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: budget, y1: budget, yref: "y2", line: { color: palette.mut, width: 1, dash: "dot" } }] : [],
    }),
  }));
  watch(node, race, chart);
  return "";
}

function watch(node, race, chart) {
  chart.race = race;
  if (chart.watched) return;
  chart.watched = true;
  const zoom = (range) => {
    chart.range = range;
    chart.stale = true;
    chart.due = 0;
    chart.race.wake();
  };
  chart.zoom = zoom;
  node.on("plotly_relayout", (change) => {
    if (change["xaxis.range[0]"] !== undefined) zoom([change["xaxis.range[0]"], change["xaxis.range[1]"]].map(Number));
  });
  node.on("plotly_doubleclick", () => zoom(null));
}

/** The bar at a place of the plot, in seconds and rows. */
export function barAt(chart, t, row) {
  const near = chart.bars?.filter((bar) => Math.abs(bar.row - row) <= HALF + 0.1) ?? [];
  return near.find((bar) => bar.start <= t && t <= bar.end) ?? null;
}

/** What a bar is, in lines. */
export function barLines({ span, start, end, kind, n }, race) {
  if (n > 1) return [`${n} spans of the ${span.row.role}, ${seconds(end - start)}: zoom in to tell them apart`, origin(race, "step_started to step_finished")];
  const { role } = span.row;
  const who = role === "judge" ? "verdict" : role === "draft" && span.alternative ? `draft ${span.alternative + 1}` : role;
  const became = kind === role ? "" : ` · ${KINDS[kind]}`;
  const events = role === "judge" ? "verdict_started to verdict" : "step_started to step_finished or step_cancelled";
  return [`step ${span.step} · ${who}${became}`, `${seconds(end - start)}, from ${start.toFixed(2)} s to ${end.toFixed(2)} s`, origin(race, events)];
}

/** What the batch was at a time, in lines. */
export function batchLines(chart, t, race) {
  const { x, y, mean } = chart.curve;
  let i = x.length - 1;
  while (i > 0 && x[i] > t) i -= 1;
  const n = mean ? `${y[i].toFixed(1)} sequences on average` : `${y[i]} ${y[i] === 1 ? "sequence" : "sequences"}`;
  return [`${n} at the target, ${t.toFixed(2)} s in`, origin(race, "step_started and step_finished of the target")];
}
