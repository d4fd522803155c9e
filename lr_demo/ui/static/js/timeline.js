// The timeline: bars of who worked when, verdicts, the critical path, and the target's batch below on the same clock.
// A live run shows its last spans until the user zooms; what the user zoomed to stays.

import { batchCurve } from "./batch.js";
import { el } from "./dom.js";
import { percent, seconds } from "./format.js";
import { layout, react } from "./plot.js";
import { escaped, origin } from "./provenance.js";
import { KINDS } from "./spans.js";

const LIVE_SPANS = 48; // a live timeline shows about so many: that it is drawn must not be felt
const MOST_MARKS = { live: 40, whole: 160 }; // verdicts in view that are marked, a third of a drawing's time; beyond, neighbours become one
const MARGIN = { l: 74, r: 52, t: 6, b: 42 }; // pixels
const MARK = 5; // pixels, half of a verdict's mark
const HALF = 0.36; // of the height of a bar, in rows
const LOWEST = -0.6; // rows: below are a gap and the batch
const BATCH = { gap: 0.09, high: 0.27 }; // of the height of all rows
const TOUCH = matchMedia("(pointer: coarse)").matches; // a finger that drags scrolls the page

const look = (color, opacity = 1, hatched = "") => (p) => ({ color: p[color], opacity, hatched });
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
const HATCH = 9; // pixels from line to line

/** What the looks of the bars mean. */
export function legend() {
  const kinds = Object.entries(KINDS).map(([kind, name]) => el("span", {}, el("i", { "data-kind": kind }), name));
  const path = el("span", { title: "The chain of waits that determined the end: a draft, the target, a verdict, the step before." }, el("i.path"), "critical path");
  return el("span.legend", {}, ...kinds, path);
}

const at = (seconds) => seconds.toFixed(5);

/** A path as a shape. Plotly draws shapes several times as fast as traces, and a chart without data faster still. */
const line = (path, color, width, more) => ({ type: "path", layer: "between", path, line: { color, width }, ...more });

/** Lines from the lower edge of a bar to its upper one, and for "x" back; cut off where the bar ends. */
function hatch({ start, end, row }, hatched, [from, to], pixel) {
  const apart = HATCH * pixel;
  let path = "";
  for (let left = Math.floor(Math.max(start, from) / apart) * apart; left < Math.min(end, to); left += apart) {
    const a = Math.max(start, left), b = Math.min(end, left + apart);
    const [low, high] = [a, b].map((t) => ((t - left) / apart) * 2 * HALF);
    path += `M${at(a)},${row - HALF + low}L${at(b)},${row - HALF + high}`;
    if (hatched === "x") path += `M${at(a)},${row + HALF - low}L${at(b)},${row + HALF - high}`;
  }
  return path;
}

/** All bars of one kind as one shape. @param pixel its width in seconds */
function shapeOf(kind, bars, palette, shown, pixel) {
  const { color, opacity, hatched } = LOOK[kind](palette);
  let path = "";
  for (const bar of bars) {
    path += `M${at(bar.start)},${bar.row - HALF}V${bar.row + HALF}H${at(bar.end)}V${bar.row - HALF}Z`;
    if (hatched) path += hatch(bar, hatched, shown, pixel);
  }
  return line(path, hatched ? color : palette.panel, 0.8, { opacity, fillcolor: hatched ? "rgba(0,0,0,0)" : color });
}

/** What Plotly tells of bars, in the middle of each: only where no inspector does. */
function told(bars, race) {
  const text = bars.map((bar) => escaped(barLines(bar, race).join("\n")).replaceAll("\n", "<br>"));
  return {
    type: "scatter", mode: "markers", x: bars.map(({ start, end }) => (start + end) / 2), y: bars.map(({ row }) => row), text,
    marker: { opacity: 0 }, hovertemplate: "%{text}<extra></extra>",
  };
}

/** Rows by role with the heights of their middles, the topmost highest. */
function places(rows) {
  const roles = new Map();
  rows.forEach((row, i) => {
    const y = rows.length - 1 - i;
    const found = roles.get(row.role);
    if (found) found.ys.push(y);
    else roles.set(row.role, { name: row.role === "judge" ? "verdict" : row.role, ys: [y] });
  });
  return roles;
}

const middle = ({ ys }) => (ys[0] + ys[ys.length - 1]) / 2;

/** At the right of each role: how much of the time none of its rows worked. */
function idle(spans, roles, now, palette) {
  const ofRole = [...roles].filter(([role]) => role !== "judge");
  return ofRole.map(([role, place]) => ({
    x: 1, xref: "paper", xanchor: "left", y: middle(place), yref: "y", showarrow: false, align: "left", xshift: 4,
    text: `idle<br>${percent(Math.max(0, 1 - spans.busy[role] / now))}`, font: { size: 11, color: palette.mut },
  }));
}

const level = (y, [from, to], color, more) => line(`M${at(from)},${y}H${at(to)}`, color, 1, more);

/** Verdicts at their ends: a diamond where the step was accepted, a cross where it was not. @param size in seconds and rows */
function verdictMarks(marks, height, accepted, palette, grain, [dx, dy]) {
  let path = "";
  let last = -Infinity;
  for (const mark of marks) {
    if (mark.accepted !== accepted || mark.t - last < grain) continue;
    last = mark.t;
    const { t } = mark, y = height("judge", mark.slot);
    path += accepted
      ? `M${at(t - dx)},${y}L${at(t)},${y + dy}L${at(t + dx)},${y}L${at(t)},${y - dy}Z`
      : `M${at(t - dx)},${y - dy}L${at(t + dx)},${y + dy}M${at(t - dx)},${y + dy}L${at(t + dx)},${y - dy}`;
  }
  return accepted ? line(path, palette.panel, 1, { fillcolor: palette.ok }) : line(path, palette.fix, 2.2);
}

/** The chain of waits as one line through the bars it is made of. */
function pathLine(links, spans, height, palette, grain) {
  let path = "";
  let row = null, before = Infinity;
  for (const { start, end, key } of links) {
    const span = key ? spans.byStep.get(key) : null;
    if (span) row = height(span.row.role, span.row.slot);
    if (row === null || before - start < grain) continue;
    before = start;
    path += `${path ? "L" : "M"}${at(end)},${row}L${at(start)},${row}`;
  }
  return line(path, palette.ink, 1.8, { opacity: 0.9 });
}

/** The target's batch in rows below the others: { base: its zero, ticks: [height, text], shapes }. */
function batchBelow(curve, rows, budget, shown, palette, pixel) {
  const highest = Math.max(1, ...curve.y);
  const high = BATCH.high * (rows + 0.2);
  const base = LOWEST - BATCH.gap * (rows + 0.2) - high;
  const y = (n) => base + (n / (1.15 * highest)) * high;
  let path = `M${at(curve.x[0])},${base}`;
  curve.x.forEach((x, i) => {
    if (i && curve.x[i + 1] - x < pixel / 2) return; // from a step to the next there is a moment without any
    path += `${i ? `H${at(x)}` : ""}V${y(curve.y[i])}`;
  });
  const ticks = [[base, "0"], [y(Math.ceil(highest)), `batch ${Math.ceil(highest)}`]];
  const shapes = [...ticks.map(([tick]) => level(tick, shown, palette.line)), line(`${path}V${base}Z`, palette.target, 1.5, { fillcolor: palette.soft })];
  if (budget <= highest * 1.15) shapes.push(level(y(budget), shown, palette.mut, { line: { color: palette.mut, width: 1, dash: "dot" } }));
  return { base, ticks, shapes };
}

/** The part of the time that is shown: what the user zoomed to, else the last spans of a live run, else all of it. */
function view(spans, state, now, chart) {
  if (chart.range) return chart.range;
  const recent = !state.finished && spans.all.length > LIVE_SPANS;
  const from = recent ? spans.all[spans.all.length - LIVE_SPANS].start : 0;
  return [from, Math.max(now, from + 0.05)];
}

/** @param chart { range, watched, batch }: what is zoomed to; `batch`: the target's batch is drawn below, and an inspector tells what bars are */
export function drawTimeline(Plotly, node, race, palette, chart) {
  const { spans, state, path } = race.run;
  if (!spans.all.length) return "Nothing has run yet.";
  const now = state.t;
  const [from, to] = view(spans, state, now, chart);
  const rows = spans.rows();
  const roles = places(rows);
  const height = (role, slot) => roles.get(role).ys[0] - slot;
  const grain = (to - from) / 700;
  const pixel = (to - from) / Math.max(MARK, node.clientWidth - MARGIN.l - MARGIN.r);
  chart.bars = spans.between(from, to, now).map(({ span, start, end, kind, n }) => ({ span, start, end, kind, n, row: height(span.row.role, span.row.slot) }));
  chart.curve = chart.batch ? batchCurve(spans, from, to, now) : null;
  const batch = chart.curve && batchBelow(chart.curve, rows.length, state.started?.settings?.parallel_budget, [from, to], palette, pixel);
  const range = [batch?.base ?? LOWEST, rows.length - 0.4];
  const edge = MARK * pixel; // a mark at the end of the view is whole
  const marks = spans.verdicts.filter(({ t }) => t >= from && t <= to).map((mark) => ({ ...mark, t: Math.min(Math.max(mark.t, from + edge), to - edge) }));
  const most = state.finished ? MOST_MARKS.whole : MOST_MARKS.live;
  const crowded = marks.length > most ? (to - from) / (most / 2) : 0;
  const size = [edge, (MARK * (range[1] - range[0])) / Math.max(MARK, node.clientHeight - MARGIN.t - MARGIN.b)];
  const ofKind = Object.keys(KINDS).map((kind) => [kind, chart.bars.filter((bar) => bar.kind === kind)]);
  const shapes = [
    line(rows.map((_, i) => `M${at(from)},${i}H${at(to)}`).join(""), palette.line, 1), // a row without a bar is idle
    ...(batch?.shapes ?? []),
    ...ofKind.filter(([, bars]) => bars.length).map(([kind, bars]) => shapeOf(kind, bars, palette, [from, to], pixel)),
    pathLine(path.between(from, to), spans, height, palette, grain),
    verdictMarks(marks, height, true, palette, crowded, size),
    verdictMarks(marks, height, false, palette, crowded, size),
  ];
  const names = [...roles.values()].map((role) => [middle(role), role.ys.length > 1 ? `${role.name} ×${role.ys.length}` : role.name]);
  const ticks = [...names, ...(batch?.ticks ?? [])];
  react(Plotly, node, chart.batch ? [] : [told(chart.bars, race)], layout(palette, {
    dragmode: TOUCH ? false : "zoom",
    hovermode: chart.batch ? false : "closest",
    uirevision: chart.range ? "zoomed" : "whole",
    margin: MARGIN,
    shapes: shapes.filter(({ path }) => path),
    annotations: now > 0 ? idle(spans, roles, now, palette) : [],
    xaxis: { title: { text: "seconds" }, range: [from, to], fixedrange: TOUCH, zeroline: false },
    yaxis: { tickvals: ticks.map(([y]) => y), ticktext: ticks.map(([, name]) => name), range, showgrid: false, zeroline: false },
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
    if (change.autosize) { // marks and hatches are as wide as they should be for the size that was
      chart.stale = true;
      chart.race.wake();
    }
    if (change["xaxis.range[0]"] !== undefined) zoom([change["xaxis.range[0]"], change["xaxis.range[1]"]].map(Number));
  });
  node.on("plotly_doubleclick", () => zoom(null));
}

/** Whether a place of the plot, in rows, is one of the batch. */
export const inBatch = (chart, row) => Boolean(chart.curve) && row < LOWEST;

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
