// The timeline: bars of who worked when. A live run shows its last spans; a complete one all of it, zoomable.

import { el } from "./dom.js";
import { seconds } from "./format.js";
import { layout, react } from "./plot.js";
import { KINDS } from "./spans.js";

const MOST_NAMES = 10; // rows that are named one by one
const LIVE_SPANS = 110; // a live timeline shows about so many

/** What the colours of the bars mean. */
export function legend() {
  const kinds = ["draft", "target", "confirmed", "corrected", "judge", "wasted"];
  return el("span.legend", {}, ...kinds.map((kind) => el("span", {}, el("i", { "data-kind": kind }), KINDS[kind])));
}

const LOOK = {
  draft: (p) => [p.draft, 1],
  draftKept: (p) => [p.draft, 1],
  target: (p) => [p.target, 1],
  confirmed: (p) => [p.ok, 1],
  corrected: (p) => [p.fix, 1],
  judge: (p) => [p.judge, 1],
  wasted: (p) => [p.wait, 0.4],
};
const HALF = 0.36; // of the height of a bar, in rows

/** One trace per kind, all its bars one filled path: a hundred bars cost hardly more than one. */
class Bars {
  constructor(kind, palette) {
    const [fillcolor, opacity] = LOOK[kind](palette);
    this.trace = {
      type: "scatter", mode: "lines", fill: "toself", fillcolor, opacity, line: { width: 0.7, color: palette.panel, simplify: false },
      name: KINDS[kind], x: [], y: [], text: [], hoveron: "points", hovertemplate: "%{text}<extra></extra>",
    };
  }

  add(start, end, row, label) {
    const { x, y, text } = this.trace;
    const middle = (start + end) / 2;
    x.push(start, start, middle, end, end, middle, start, null);
    y.push(row - HALF, row + HALF, row + HALF, row + HALF, row - HALF, row - HALF, row - HALF, null);
    for (let i = 0; i < 8; i++) text.push(label);
  }
}

/** Names of the rows; where there are too many to read, one for all rows of a role. */
function names(rows) {
  if (rows.length <= MOST_NAMES) return { tickvals: rows.map((_, i) => rows.length - 1 - i), ticktext: rows };
  const roles = new Map();
  rows.forEach((name, i) => {
    const role = name.replace(/ \d+$/, "");
    roles.set(role, [...(roles.get(role) ?? []), rows.length - 1 - i]);
  });
  return {
    tickvals: [...roles.values()].map((places) => (places[0] + places[places.length - 1]) / 2),
    ticktext: [...roles].map(([role, places]) => (places.length > 1 ? `${role} ×${places.length}` : role)),
  };
}

export function drawTimeline(Plotly, node, race, palette, chart) {
  const { spans, state } = race.run;
  if (!spans.all.length) return "Nothing has run yet.";
  const now = state.t;
  const live = !state.finished;
  const whole = [live && spans.all.length > LIVE_SPANS ? spans.all[spans.all.length - LIVE_SPANS].start : 0, Math.max(now, 0.05)];
  const [from, to] = chart.range ?? whole;
  const rows = spans.rows();
  const heights = new Map(rows.map((name, i) => [name, rows.length - 1 - i]));
  const bars = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, new Bars(kind, palette)]));
  for (const { span, start, end, kind, n } of spans.between(from, to, now)) {
    const what = KINDS[kind].startsWith(span.row.role) ? KINDS[kind] : `${span.row.role} · ${KINDS[kind]}`;
    const label = n > 1 ? `${n} spans, ${seconds(end - start)}` : `step ${span.step} · ${what} · ${seconds(end - start)}`;
    bars[kind].add(start, end, heights.get(spans.rowName(span.row)), label);
  }
  react(Plotly, node, Object.values(bars).map((bar) => bar.trace), layout(palette, {
    dragmode: live ? false : "zoom",
    hovermode: "closest",
    margin: { l: 62, r: 14, t: 8, b: 36 },
    xaxis: { title: { text: "seconds" }, range: [from, to], fixedrange: live, zeroline: false },
    yaxis: { ...names(rows), range: [-0.6, rows.length - 0.4], showgrid: false, zeroline: false },
  }));
  if (!chart.watched) {
    chart.watched = true;
    const zoom = (range) => {
      chart.range = range;
      chart.stale = true;
      race.wake();
    };
    node.on("plotly_relayout", (change) => {
      if (change["xaxis.range[0]"] !== undefined) zoom([change["xaxis.range[0]"], change["xaxis.range[1]"]]);
    });
    node.on("plotly_doubleclick", () => zoom(null));
  }
  return "";
}
