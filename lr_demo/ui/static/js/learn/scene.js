// The run up to a stage: the Live page's cards and timeline, and the callout beside what it is about.

import { el, setText, show } from "../dom.js";
import { Lane } from "../lane.js";
import { loadPlotly } from "../plot.js";
import { slim } from "../state.js";
import { colours, onThemeChange } from "../theme.js";
import { drawTimeline, legend } from "../timeline.js";

const ABOVE = 44; // pixels kept free above what is pointed at: the name of its cycle

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Scene {
  constructor() {
    this.lane = new Lane("The run up to this stage");
    this.events = [];
    this.applied = 0;
    this.anchor = null;
    this.pointed = null;
    this.Plotly = null;
    this.zoom = { range: null, watched: false };
    this.plot = el("div.plot", { role: "img", "aria-label": "Timeline up to this stage" });
    this.none = el("p.none", { hidden: true });
    this.node = el(
      "div.scene", {}, this.lane.node,
      el("div.timeline", {}, el("div.charthead", {}, el("b", {}, "Timeline"), el("span.hint", {}, "who worked when, up to here"), legend()), el("div.plotbox", {}, this.plot, this.none)),
    );
    loadPlotly().then(
      (Plotly) => {
        this.Plotly = Plotly;
        this.draw();
      },
      (error) => this.say(error.message),
    );
    onThemeChange(() => this.draw());
  }

  open(events) {
    this.events = events.map(slim);
    this.rewind();
  }

  rewind() {
    this.lane.reset();
    this.lane.say("");
    this.applied = 0;
  }

  /**
   * Brings the cards to a stage; going back folds the events from the start.
   * @param {() => HTMLElement} callout made when the cards are there
   */
  show(stage, callout) {
    this.anchor?.remove();
    this.pointed?.classList.remove("pointed");
    const { scrollTop } = this.lane.body;
    const back = stage.seq + 1 < this.applied;
    if (back) this.rewind();
    this.lane.node.classList.toggle("still", back || this.applied === 0); // nothing lands again that had landed
    this.lane.following = false;
    for (; this.applied <= stage.seq; this.applied++) this.lane.apply(this.events[this.applied]);
    this.lane.render(Infinity);
    show(this.lane.empty, false);
    this.lane.body.scrollTop = scrollTop;
    this.zoom.range = null;
    this.point(stage, callout());
    this.draw();
  }

  point(stage, callout) {
    const { list } = this.lane;
    const target = this.target(stage);
    this.anchor = el(target ? "div.anchor" : "div.anchor.free", {}, callout);
    this.pointed = target;
    if (target) {
      target.classList.add("pointed");
      (target.closest(".level") ?? target).before(this.anchor);
    } else if (stage.pointer === "top") list.prepend(this.anchor);
    else list.append(this.anchor);
    this.reveal(callout);
  }

  target({ pointer, step, cycle }) {
    const { list } = this.lane;
    const last = (selector) => [...list.querySelectorAll(selector)].pop() ?? null;
    if (pointer === "given_up") {
      const found = last(`[data-cycle="${cycle + 1}"] .givenup`);
      if (found) return found;
    }
    return step === null ? null : last(`.card[data-step="${step + 1}"]`);
  }

  /** Scrolls the lane, and nothing else, so that the callout and what it points at can be seen. */
  reveal(callout) {
    const { body } = this.lane;
    const frame = body.getBoundingClientRect();
    const boxes = [this.anchor, callout, this.pointed].filter(Boolean).map((node) => node.getBoundingClientRect());
    const top = Math.min(...boxes.map((box) => box.top)) - frame.top;
    const bottom = Math.max(...boxes.map((box) => box.bottom)) - frame.top;
    if (top >= 0 && bottom <= body.clientHeight) return;
    const down = Math.min(top - ABOVE, Math.max(bottom - body.clientHeight + 12, 0) || top - ABOVE);
    body.scrollTo({ top: body.scrollTop + down, behavior: calm.matches ? "auto" : "smooth" });
  }

  draw() {
    if (!this.Plotly || !this.applied) return;
    const race = { run: this.lane, wake: () => this.draw() };
    this.say(drawTimeline(this.Plotly, this.plot, race, colours(this.plot), this.zoom));
  }

  say(missing) {
    setText(this.none, missing);
    show(this.none, Boolean(missing));
    this.plot.classList.toggle("bare", Boolean(missing));
  }
}
