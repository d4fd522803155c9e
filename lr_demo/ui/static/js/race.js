// One race on screen: up to four lanes, each on its own clock, fed by streams, drawn in slices of a frame.

import { Charts } from "./charts.js";
import { Clock } from "./clock.js";
import { el } from "./dom.js";
import { explain } from "./explain.js";
import { speedOf } from "./figures.js";
import { MODES } from "./format.js";
import { showHeads } from "./heads.js";
import { chosenSentence } from "./outcome.js";
import { Side } from "./side.js";

const FRAME_BUDGET = 9; // ms of a frame for taking events and drawing cards
const CATCH_UP_BUDGET = 24; // the same while far behind, as after a reload: nothing to be smooth for yet
const BACK_BUDGET = 40; // the same while an earlier moment is folded: nothing changes on screen until it is
const FRAME_EVERY = 25; // ms, and then the next frame: thirty times a second is as smooth as text needs
const FAR_BEHIND = 300; // events and cards
const FIGURES_EVERY = 120; // ms
const SMOOTH = 0.2; // seconds a replay may be behind its clock before drawing is put off
const STREAM = {
  open: "",
  lost: "The connection to the server is lost; the page goes on by itself when it is back.",
  gone: "The server does not know this run any more.",
};

export class Race {
  /** @param view what surrounds the lanes: it is told of what happens in the race, see `Stage` */
  constructor(view) {
    this.view = view;
    this.left = new Side("Baseline");
    this.right = new Side("Run");
    this.between = [];
    this.charts = new Charts(this.right.lane);
    this.charts.onReady = () => this.wake();
    this.node = el("div.lanes", { "data-lanes": "2" }, this.left.node, this.right.node);
    this.sides = [this.left, this.right];
    this.info = null;
    this.clock = null; // of a replay: where there is one, it alone says which moment is shown
    this.rate = 1; // of replays
    this.stale = false; // figures are to be shown anew
    this.frame = 0;
    this.figuresDue = 0;
    this.ticked = -Infinity;
  }

  /** The lane of the run after which the race is named. */
  get run() {
    return this.right.lane;
  }

  /** The lane of the autoregressive baseline, where there is one. */
  get baseline() {
    return this.sides.find((side) => side.info?.kind === "baseline")?.lane ?? null;
  }

  get mode() {
    return this.info?.mode ?? "lookahead";
  }

  /** The side with which the others are compared: the baseline, else the first lane; null for a run alone. */
  get reference() {
    return this.sides.length > 1 ? this.sides[0] : null;
  }

  /** Shows a race: `info` is what `/races/{id}` says of it. */
  open(info) {
    this.info = info;
    this.clock = null;
    this.over = false; // every lane is complete and at its end
    this.told = false; // the server was told that the race has ended
    this.skipped = info.lanes.every((lane) => !["queued", "running"].includes(lane.status)); // nothing to race any more
    this.lineUp(info.lanes);
    this.charts.reset();
    for (const side of this.sides) side.lane.say(this.waiting(side));
    this.wake();
  }

  /** One side for every lane; those of the first and the last are always there. */
  lineUp(lanes) {
    for (const side of [this.left, ...this.between, this.right]) side.clear();
    for (const side of this.between) side.node.remove();
    this.between = lanes.slice(1, -1).map((lane) => new Side(MODES[lane.mode]?.long ?? lane.mode));
    this.sides = lanes.length > 1 ? [this.left, ...this.between, this.right] : [this.right];
    this.right.node.before(...this.between.map((side) => side.node));
    this.node.dataset.lanes = lanes.length;
    this.node.classList.toggle("single", lanes.length === 1);
    this.sides.forEach((side, i) => side.open(lanes[i], (news) => this.hear(side, news), this.info.judge));
  }

  waiting(side) {
    const first = Math.min(...this.sides.map(({ turn }) => turn).filter((turn) => turn >= 0));
    if (side.turn < 0) return "Measured earlier; it is fetched.";
    if (this.beside(side).length) return "Starts together with another lane, on servers of its own.";
    return side.turn > first ? "Starts when the lanes before it have been measured, alone." : "Waits for the models; those that are being started are shown at the top.";
  }

  hear(side, news) {
    if (news in STREAM) this.view.notice(`stream ${side.info.id}`, STREAM[news], "warn");
    if (news === "end") {
      if (side.status === "stopped") this.skipped = true; // a race that was stopped is over: nothing races any more
      const next = this.sides.find((other) => !other.complete && !other.started);
      next?.lane.say("Gets ready: a server it needs may have to start, or the judge to read its examples.");
    }
    this.wake();
  }

  /** The other lanes of a lane's turn. */
  beside(side) {
    return side.turn < 0 ? [] : this.sides.filter((other) => other !== side && other.turn === side.turn);
  }

  /** The turn that is being measured, or was last. */
  get turn() {
    return Math.max(-1, ...this.sides.filter((side) => side.queue.started).map((side) => side.turn));
  }

  /** Whether a lane is shown again beside those that are measured now. */
  isGhost(side) {
    return !this.clock && !this.skipped && side.turn < this.turn;
  }

  /** Seconds since those runs began that are measured now. */
  get liveClock() {
    const { turn } = this;
    return Math.max(0, ...this.sides.filter((side) => side.turn === turn).map((side) => side.clock));
  }

  /** The moment of a run up to which its lane shows it. */
  until(side) {
    if (this.clock) return this.clock.time;
    return this.isGhost(side) ? this.liveClock : Infinity;
  }

  /** Seconds of the longest lane. */
  get duration() {
    return Math.max(0, ...this.sides.map((side) => side.queue.total?.time ?? side.queue.history.at(-1)?.t ?? 0));
  }

  /** The moment that is shown, in seconds of the race. */
  get moment() {
    if (this.clock) return Math.min(this.clock.time, this.duration);
    if (this.over || this.skipped) return this.duration;
    return Math.max(0, ...this.sides.map((side) => (this.isGhost(side) ? 0 : this.timeOf(side))));
  }

  /** Whether any moment of the race can be shown. */
  get replayable() {
    return this.info !== null && this.sides.every((side) => side.complete) && this.duration > 0;
  }

  get replaying() {
    return Boolean(this.clock?.running);
  }

  /** Shows a moment of the race; a replay that is under way goes on from there. */
  seek(seconds) {
    if (!this.replayable) return;
    const to = Math.min(Math.max(0, seconds), this.duration);
    this.clock ??= Object.assign(new Clock(), { from: this.duration, rate: this.rate });
    this.clock.move(to);
    this.stale = true;
    this.figuresDue = 0;
    this.wake();
  }

  /** Replays from the moment that is shown; from the start where that is the end. */
  play() {
    if (!this.replayable) return;
    this.seek(this.moment >= this.duration ? 0 : this.moment);
    this.clock.run();
  }

  pause() {
    this.clock?.hold();
    this.stale = true;
    this.wake();
  }

  setRate(rate) {
    this.rate = rate;
    this.clock?.setRate(rate);
  }

  /** Ends what is being replayed: the ghosts, or all lanes. The lanes show whole runs. */
  skip() {
    if (this.clock) this.seek(this.duration);
    else this.skipped = true;
    this.wake();
  }

  /** Has a frame drawn, not sooner after the last than text needs: a frame in which nothing is done costs too. */
  wake() {
    if (this.frame) return;
    const next = () => (this.frame = requestAnimationFrame(() => this.tick()));
    const early = this.ticked + FRAME_EVERY - performance.now();
    if (early > 0) this.frame = setTimeout(next, early);
    else next();
  }

  tick() {
    this.frame = 0;
    if (!this.info) return;
    const began = performance.now();
    this.ticked = began;
    if (this.replaying && this.clock.time >= this.duration) {
      this.clock.hold();
      this.clock.move(this.duration);
    }
    const back = this.sides.some((side) => side.anew || side.isAfter(this.until(side)));
    const late = this.right.queue.size + this.sides.reduce((sum, side) => sum + side.lane.dirty.size, 0) > FAR_BEHIND;
    const deadline = began + (back ? BACK_BUDGET : late ? CATCH_UP_BUDGET : FRAME_BUDGET);
    const behind = this.take(deadline);
    // While far behind (a reload of a long run) every event is taken first: drawing what is about to change is waste.
    const drawn = behind && performance.now() > deadline ? false : this.draw(deadline);
    const now = performance.now();
    if (now > this.figuresDue) {
      this.figuresDue = now + FIGURES_EVERY;
      this.figures();
      this.finish();
    }
    const busy = performance.now() - began > FRAME_BUDGET + 6; // charts have the next frame
    const charting = behind || busy ? true : this.charts.step(this);
    const playing = this.playing();
    if (playing) this.charts.touch();
    if (behind || !drawn || charting || playing || this.stale || this.unsettled()) this.wake();
  }

  /** Whether the end of the race is still to be told, and can be: not while an earlier moment is looked at. */
  unsettled() {
    return !this.over && !(this.clock && !this.replaying && this.moment < this.duration);
  }

  /** Takes events up to the moment that is shown; true while far behind it. */
  take(deadline) {
    let behind = false;
    for (const side of this.sides) {
      const { taken, left, adopted } = side.advance(this.until(side), deadline);
      if (taken) {
        this.stale = true;
        this.charts.touch();
      }
      if (adopted) this.figuresDue = 0; // figures and cards are of one moment
      if (left > SMOOTH * (this.clock?.rate ?? 1)) behind = true;
    }
    return behind;
  }

  draw(deadline) {
    const order = [this.right, ...this.sides.filter((side) => side !== this.right)];
    const drawn = order.map((side, i) => side.lane.render(i ? Math.max(deadline, performance.now() + 2) : deadline));
    return drawn.every(Boolean);
  }

  /** Whether a clock is running: something will change without any event. */
  playing() {
    if (this.clock) return this.replaying;
    return this.sides.some((side) => !side.done && (this.isGhost(side) ? !side.drained : side.state.started && !side.complete));
  }

  /** Tokens per second of the lane that others are compared with: of the whole run where it is known, else so far. */
  baselineRate() {
    const { reference } = this;
    if (!reference) return NaN;
    const whole = reference.queue.total;
    return whole ? whole.tokens / whole.time : speedOf(reference.lane, reference.state.t).speed;
  }

  /** Seconds of a run that its head shows. */
  timeOf(side) {
    const { state } = side;
    if (side.done || !state.started) return state.t;
    if (this.clock || this.isGhost(side)) return Math.min(this.until(side), side.queue.total?.time ?? Infinity);
    return side.complete ? state.t : Math.max(state.t, side.clock);
  }

  figures() {
    this.stale = false;
    showHeads(this);
    this.view.roles(this.run.state.degraded);
    this.view.notice("auto", chosenSentence(this.run.state.chosen), "note");
    this.view.simulated(this.sides.some((side) => side.started?.simulated));
    this.view.moved(this);
  }

  /** Says once how it ended, when all lanes are at their end. */
  finish() {
    if (this.over || !this.sides.every((side) => side.complete)) return;
    if (!this.told && this.right.drained) {
      this.told = true;
      this.view.ended(this, this.speedup());
    }
    if (!this.sides.every((side) => side.drained && !side.lane.dirty.size)) return;
    for (const side of this.sides) this.tellEnd(side);
    this.over = true;
    this.skipped = true;
    this.view.settled(this, this.speedup(), this.sentence());
    this.charts.touch(true);
  }

  tellEnd(side) {
    const { status, reason } = side.state.finished ?? {};
    const who = { run: "run", baseline: "baseline", rival: `lane ${MODES[side.info.mode]?.short}` }[side.info.kind];
    if (status === "stopped" && reason !== "stopped") this.view.notice("stopped", `The run was stopped: ${reason}.`, "warn");
    if (status === "failed") this.view.notice(`failed ${side.info.id}`, `The ${who} failed: ${reason}`, "error");
  }

  speedup() {
    const { state } = this.run;
    if (!this.reference || state.finished?.status !== "finished") return NaN;
    return speedOf(this.run, state.t).speed / this.baselineRate();
  }

  sentence() {
    const speedup = this.speedup();
    return Number.isFinite(speedup) && this.baseline?.state.finished ? explain(this.run, this.baseline, speedup) : "";
  }
}
