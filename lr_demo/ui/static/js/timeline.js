// The timeline: bars of who worked when. A live run shows its last spans; a complete one all of it, zoomable.

import { el } from "./dom.js";
import { seconds } from "./format.js";
import { layout, react } from "./plot.js";
import { KINDS } from "./spans.js";

const LIVE_SPANS = 110; // a live timeline shows about so many

/** What the colours of the bars mean. */
export function legend() {
  const kinds = ["draft", "target", "confirmed", "corrected", "judge", "wasted"];
  return el("span.legend", {}, ...kinds.map((kind) => el("span", {}, el("i", { "data-kind": kind }), KINDS[kind])));
}

const LOOK = {
  draft: (p) => ({ color: p.draft }),
  draftKept: (p) => ({ color: p.draft }),
  target: (p) => ({ color: p.target }),
  confirmed: (p) => ({ color: p.ok }),
  corrected: (p) => ({ color: p.fix }),
  judge: (p) => ({ color: p.judge }),
  wasted: (p) => ({ color: p.wait, opacity: 0.4 }),
};

export function drawTimeline(Plotly, node, race, palette, chart) {
  const { spans, state } = race.run;
  if (!spans.all.length) return "Nothing has run yet.";
  const now = state.t;
  const live = !state.finished;
  const whole = [live && spans.all.length > LIVE_SPANS ? spans.all[spans.all.length - LIVE_SPANS].start : 0, Math.max(now, 0.05)];
  const [from, to] = chart.range ?? whole;
  const rows = spans.rows();
  const traces = Object.keys(KINDS).map((kind) => ({
    type: "bar", orientation: "h", name: KINDS[kind], x: [], y: [], base: [], customdata: [],
    marker: { ...LOOK[kind](palette), line: { width: 0 } },
    hovertemplate: "%{customdata}<extra></extra>", width: 0.72,
  }));
  const index = Object.fromEntries(Object.keys(KINDS).map((kind, i) => [kind, i]));
  for (const { span, start, end, kind, n } of spans.between(from, to, now)) {
    const trace = traces[index[kind]];
    trace.x.push(end - start);
    trace.base.push(start);
    trace.y.push(spans.rowName(span.row));
    trace.customdata.push(n > 1 ? `${n} spans, ${seconds(end - start)}` : `step ${span.step} · ${KINDS[kind].startsWith(span.row.role) ? "" : `${span.row.role} · `}${KINDS[kind]} · ${seconds(end - start)}`);
  }
  react(Plotly, node, traces, layout(palette, {
    barmode: "overlay",
    bargap: 0.2,
    dragmode: live ? false : "zoom",
    margin: { l: 60, r: 14, t: 6, b: 34 },
    xaxis: { title: { text: "seconds" }, range: [from, to], fixedrange: live },
    yaxis: { categoryorder: "array", categoryarray: [...rows].reverse(), range: [-0.5, rows.length - 0.5], showgrid: false },
  }));
  if (!chart.watched) {
    chart.watched = true;
    node.on("plotly_relayout", (change) => {
      if (change["xaxis.range[0]"] !== undefined) chart.range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      else if (change["xaxis.autorange"] || change["xaxis.range"]) chart.range = null;
      else return;
      chart.stale = true;
      race.wake();
    });
  }
  return "";
}
