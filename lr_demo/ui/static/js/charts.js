// The charts: Plotly draws, at a limited rate, one chart a frame; what is in sight first.

import { drawByPlace, drawOverRun, drawRunLengths } from "./acceptance.js";
import { Chart } from "./chart.js";
import { drawSpeedup, drawTokens } from "./curves.js";
import { el, setText, show } from "./dom.js";
import { inspectCurve, Inspector } from "./inspect.js";
import { Links } from "./links.js";
import { drawPasses, spotOfPasses } from "./passes.js";
import { loadPlotly, prepareAxes, whenIdle } from "./plot.js";
import { drawSpeculation, drawTime, drawWaste } from "./shares.js";
import { colours, onThemeChange } from "./theme.js";
import { drawTimeline, legend } from "./timeline.js";
import { TreeView } from "./treeview.js";

const STAGGER = 120; // ms between the first drawings of the charts of a race

const committed = (race, position) => race.run.state.positions.get(position)?.committed ?? null;

/** The position of the last step of the answer that had come by then. */
function byTime(race, t) {
  const { answer } = race.run.state;
  let low = 0, high = answer.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (answer[middle].committed.t <= t) low = middle + 1;
    else high = middle;
  }
  return low ? answer[low - 1].id : null;
}

const atTime = (value) => (race, position) => {
  const at = committed(race, position);
  return at && { x: at.t, y: value(race, at.t) };
};
const tokensAt = (race, t) => race.run.measures.tokens.at(t);
const speedupAt = (race, t) => tokensAt(race, t) / t / race.baselineRate();

const byStep = (race, x) => race.run.state.answer[Math.round(x) - 1]?.id ?? null;

const CHARTS = [
  { key: "timeline", title: "Timeline", hint: "", draw: drawTimeline, wide: true },
  { key: "tokens", title: "Tokens over time", hint: "tokens of the answer", draw: drawTokens, spot: atTime(tokensAt), pick: byTime },
  { key: "speedup", title: "Speedup over time", hint: "tokens/s so far ÷ the baseline’s", draw: drawSpeedup, spot: atTime(speedupAt), pick: byTime },
  { key: "time", title: "Where the time went", hint: "what the next step waited for", draw: drawTime },
  { key: "waste", title: "Tokens kept and thrown away", hint: "of all that was written", draw: drawWaste },
  { key: "place", title: "Acceptance by position", hint: "share of drafted steps kept", draw: drawByPlace },
  {
    key: "acceptance", title: "Acceptance over the run", hint: "share of compared steps", draw: drawOverRun,
    spot: (race, position) => {
      const at = committed(race, position);
      return at && at.outcome !== "target" ? { x: at.index + 1, y: race.run.measures.acceptedShare.at(at.index + 1) } : null;
    },
    pick: byStep,
  },
  { key: "lengths", title: "Accepted-run lengths", hint: "accepted steps a cycle", draw: drawRunLengths },
  { key: "speculation", title: "Token-level speculation", hint: "proposals inside the steps", draw: drawSpeculation },
  { key: "passes", title: "Tokens a pass", hint: "inside each step of the target", draw: drawPasses, spot: spotOfPasses, pick: byStep },
];

export class Charts {
  /** @param lane of the run, whose cards are linked with the charts */
  constructor(lane) {
    const seen = () => this.onReady();
    this.links = new Links(lane);
    this.all = CHARTS.map((what) => new Chart(what, seen));
    const [timeline] = this.all;
    timeline.batch = true;
    const whole = el("button.quiet.save", { type: "button", onclick: () => timeline.zoom?.(null) }, "show all");
    timeline.hint.replaceWith(legend());
    timeline.saving[0].before(whole);
    this.inspector = new Inspector(timeline, this.links);
    for (const chart of this.all) if (chart.spot) inspectCurve(chart, this.links);
    this.tree = new TreeView(this.links);
    this.node = el("div.charts", {}, this.tree.node, ...this.all.map((chart) => chart.node));
    this.Plotly = null;
    this.palette = null;
    this.onReady = () => {};
    loadPlotly().then(
      (Plotly) => {
        this.Plotly = Plotly;
        this.prepare(0);
        this.onReady();
      },
      (error) => this.all.forEach((chart) => { setText(chart.none, error.message); show(chart.none, true); }),
    );
    onThemeChange(() => {
      this.palette = null;
      if (this.all.some((chart) => chart.drawn)) this.touch(true);
      this.onReady();
    });
  }

  /** Gives every chart its axes, one at a time, before a race if it can be. */
  prepare(i) {
    const chart = this.all[i];
    if (chart) whenIdle(() => this.prepare(this.axes(chart) ? i : i + 1));
  }

  /** One task of the first drawing, which is so dear that it is several. True where it was needed. */
  axes(chart) {
    if (this.palette) return prepareAxes(this.Plotly, chart.plot, this.palette);
    this.palette = colours(this.node); // the browser lays the page out for that
    return true;
  }

  /** All charts are out of date; `now`: and none of them rests before it is drawn again. */
  touch(now = false) {
    this.tree.stale = true;
    for (const chart of this.all) {
      chart.stale = true;
      if (now) chart.due = 0;
    }
  }

  /** A new race: views that the user chose are let go. */
  reset() {
    this.inspector.reset();
    this.tree.reset();
    this.all.forEach((chart, i) => {
      chart.range = null;
      chart.due = performance.now() + (i + 1) * STAGGER;
    });
    this.touch();
  }

  /** Draws the chart that is most overdue, those in sight first; true while some that matter are out of date. */
  step(race) {
    if (!this.Plotly) return false;
    const now = performance.now();
    if (this.tree.step(race, now)) return true;
    const stale = this.all.filter((chart) => chart.stale && !chart.held);
    const inSight = stale.filter((chart) => chart.seen);
    const waiting = inSight.length || !race.over ? inSight : stale; // out of sight too, once nothing changes any more
    const next = waiting.filter((chart) => chart.due <= now).sort((a, b) => a.due - b.due)[0];
    if (next && this.axes(next)) return true;
    next?.draw(this.Plotly, race, this.palette);
    const left = (charts) => charts.some((chart) => chart.stale);
    return left(waiting) || (race.over && left(stale)) || this.tree.stale;
  }
}
