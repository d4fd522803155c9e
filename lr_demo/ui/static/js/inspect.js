// Looking at a chart: what is under the pointer or the keyboard is told and lit, and so is what is lit elsewhere.

import { el } from "./dom.js";
import { barAt, barLines, batchLines, inBatch } from "./timeline.js";

const LEAST = 3; // pixels of a lit bar

/** A box beside what it is about, with lines of text. */
class Tip {
  constructor() {
    this.node = el("div.tip", { hidden: true });
  }

  show(lines, left, top, width) {
    this.node.replaceChildren(...lines.map((line, i) => el(i === 0 ? "b" : i === lines.length - 1 ? "i" : "span", {}, line)));
    this.node.hidden = false;
    const right = left > width / 2;
    this.node.style.left = right ? "" : `${left + 12}px`;
    this.node.style.right = right ? `${width - left + 12}px` : "";
    this.node.style.top = `${Math.max(0, top)}px`;
  }

  hide() {
    this.node.hidden = true;
  }
}

/** What links mark on a chart that has `spot` and `pick`: a dot at the position that is lit. */
export function inspectCurve(chart, links) {
  const dot = el("i.dot", { hidden: true });
  chart.marks.append(dot);
  const place = (position) => {
    const at = position === null || !chart.race ? null : chart.spot(chart.race, position);
    const frame = at && chart.frame();
    dot.hidden = !frame || !frame.inside(frame.x(at.x));
    if (!dot.hidden) dot.style.transform = `translate(${frame.x(at.x)}px, ${frame.y(at.y)}px)`;
  };
  links.listeners.push(place);
  chart.onDrawn = () => place(links.position);
  const under = ({ clientX }) => {
    const frame = chart.frame();
    const pixel = clientX - chart.plot.getBoundingClientRect().left;
    return frame && chart.race && frame.inside(pixel) ? chart.pick(chart.race, frame.timeAt(pixel)) : null;
  };
  chart.box.addEventListener("mousemove", (event) => links.set(under(event)));
  chart.box.addEventListener("mouseleave", () => links.set(null));
}

/** The timeline: bars are told and lit, and can be walked through by keyboard. */
export class Inspector {
  constructor(chart, links) {
    this.chart = chart;
    this.links = links;
    this.tip = new Tip();
    this.lit = [];
    this.chosen = null; // the span that the keyboard is on
    this.down = null;
    chart.box.append(this.tip.node);
    chart.box.tabIndex = 0;
    chart.box.setAttribute("role", "group");
    chart.box.setAttribute("aria-label", "Timeline: left and right move from bar to bar, Enter goes to the card, plus and minus zoom, 0 shows all");
    this.spoken = el("p.sr", { "aria-live": "polite" });
    chart.node.append(this.spoken);
    links.listeners.push(() => this.light());
    links.toTimeline = (position) => this.goTo(position);
    chart.onDrawn = () => this.light();
    chart.box.addEventListener("mousemove", (event) => this.point(event));
    chart.box.addEventListener("mouseleave", () => this.leave());
    chart.box.addEventListener("mousedown", (event) => (this.down = event.clientX), true);
    chart.box.addEventListener("click", (event) => this.click(event));
    chart.box.addEventListener("keydown", (event) => this.key(event));
    chart.box.addEventListener("blur", () => this.leave());
  }

  under(event) {
    const frame = this.chart.frame();
    if (!frame || !this.chart.race) return null;
    const box = this.chart.plot.getBoundingClientRect();
    const left = event.clientX - box.left, top = event.clientY - box.top;
    if (!frame.inside(left)) return null;
    const t = frame.timeAt(left);
    const row = frame.rowAt(top);
    return { left, top, t, width: box.width, bar: barAt(this.chart, t, row), below: inBatch(this.chart, row) };
  }

  point(event) {
    const at = this.under(event);
    const lines = at?.bar ? barLines(at.bar, this.chart.race) : at?.below && at.t <= this.chart.race.run.state.t ? batchLines(this.chart, at.t, this.chart.race) : null;
    if (lines) this.tip.show(lines, at.left, at.top - 60, at.width);
    else this.tip.hide();
    this.links.set(at?.bar?.n === 1 ? at.bar.span.position : null);
  }

  leave() {
    this.tip.hide();
    this.links.set(null);
  }

  click(event) {
    if (Math.abs(event.clientX - (this.down ?? event.clientX)) > 4) return; // a zoom
    const at = this.under(event);
    if (at?.bar?.n === 1) this.links.goTo(at.bar.span.position);
  }

  /** Marks the bars of the lit position. */
  light() {
    for (const mark of this.lit) mark.remove();
    this.lit = [];
    const { position } = this.links;
    const { race } = this.chart;
    const frame = position === null || !race ? null : this.chart.frame();
    if (!frame) return;
    const { spans, state } = race.run;
    const rows = spans.rows();
    const [from, to] = [frame.timeAt(frame.l), frame.timeAt(frame.l + frame.width)];
    for (const span of spans.ofPosition.get(position) ?? []) {
      const start = Math.max(from, span.start), end = Math.min(to, span.end ?? state.t);
      const i = rows.findIndex(({ role, slot }) => role === span.row.role && slot === span.row.slot);
      if (end < start || i < 0) continue;
      const row = rows.length - 1 - i;
      const top = frame.y(row + 0.45), left = frame.x(start);
      const mark = el(`i.bar${span === this.chosen ? ".chosen" : ""}`);
      Object.assign(mark.style, { left: `${left}px`, top: `${top}px`, width: `${Math.max(LEAST, frame.x(end) - left)}px`, height: `${frame.y(row - 0.45) - top}px` });
      this.lit.push(mark);
    }
    this.chart.marks.append(...this.lit);
  }

  key(event) {
    const { race, zoom } = this.chart;
    if (event.target !== this.chart.box || !race || event.ctrlKey || event.altKey || event.metaKey) return;
    const { key } = event;
    if (key === "ArrowRight" || key === "ArrowLeft") this.move(key === "ArrowRight" ? 1 : -1);
    else if (key === "Enter" && this.chosen) this.links.goTo(this.chosen.position);
    else if (key === "+" || key === "=") this.closer(0.5);
    else if (key === "-") this.closer(2);
    else if (key === "0" || key === "Escape") zoom?.(null);
    else return;
    event.preventDefault();
  }

  move(by) {
    const { all } = this.chart.race.run.spans;
    if (!all.length) return;
    const at = this.chosen ? all.indexOf(this.chosen) + by : by > 0 ? Math.max(0, all.findIndex((span) => span.start >= this.from())) : all.length - 1;
    this.choose(all[Math.min(all.length - 1, Math.max(0, at))]);
  }

  from() {
    return this.chart.plot.layout?.xaxis?.range?.[0] ?? 0;
  }

  choose(span) {
    const { race, zoom } = this.chart;
    this.chosen = span;
    const frame = this.chart.frame();
    const end = span.end ?? race.run.state.t;
    if (frame) {
      const [from, to] = this.chart.plot.layout.xaxis.range;
      if (span.start < from || span.start > to) {
        const half = (to - from) / 2;
        zoom([Math.max(0, span.start - half), Math.max(0, span.start - half) + 2 * half]);
      }
      const lines = barLines({ span, start: span.start, end, kind: span.kind, n: 1 }, race);
      this.spoken.textContent = lines.slice(0, 2).join(", ");
      this.tip.show(lines, Math.min(Math.max(frame.x(span.start), frame.l), frame.l + frame.width), 8, this.chart.plot.clientWidth);
    }
    if (this.links.position === span.position) this.light();
    else this.links.set(span.position);
  }

  closer(by) {
    const range = this.chart.plot.layout?.xaxis?.range;
    if (!range) return;
    const middle = this.chosen ? this.chosen.start : (range[0] + range[1]) / 2;
    const half = (Math.max(0.02, (range[1] - range[0]) * by)) / 2;
    this.chart.zoom([Math.max(0, middle - half), middle + half]);
  }

  /** From a card: its first bar. */
  goTo(position) {
    const span = this.chart.race?.run.spans.ofPosition.get(position)?.[0];
    if (!span) return;
    this.chart.node.scrollIntoView({ block: "nearest" });
    this.chart.box.focus({ preventScroll: true });
    this.choose(span);
  }

  reset() {
    this.chosen = null;
    this.leave();
  }
}
