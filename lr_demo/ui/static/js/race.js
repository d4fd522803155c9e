// One race on screen: two lanes, each on its own clock, fed by streams, drawn in slices of a frame.

import { Charts } from "./charts.js";
import { el } from "./dom.js";
import { explain } from "./explain.js";
import { moment, percent } from "./format.js";
import { chosenSentence } from "./outcome.js";
import { Head } from "./head.js";
import { Lane } from "./lane.js";
import { Queue } from "./queue.js";
import { Stream } from "./transport.js";

const FRAME_BUDGET = 9; // ms of a frame for taking events and drawing cards
const CATCH_UP_BUDGET = 24; // the same while far behind, as after a reload: nothing to be smooth for yet
const FRAME_EVERY = 30; // ms: thirty times a second is as smooth as text needs
const FAR_BEHIND = 300; // events and cards
const FIGURES_EVERY = 120; // ms
const SMOOTH = 0.2; // seconds a replay may be behind its clock before drawing is put off

/** A lane, its head, and the stream that feeds it. */
class Side {
  constructor(label) {
    this.head = new Head();
    this.lane = new Lane(label);
    this.node = el("section.panel.lane", { "aria-label": label }, this.head.node, this.lane.node);
    this.queue = new Queue();
    this.stream = null;
    this.complete = false; // all events of the run are here
    this.status = "";
  }

  clear() {
    this.stream?.close();
    this.stream = null;
    this.queue = new Queue();
    this.complete = false;
    this.status = "";
    this.lane.reset();
    this.head.compare(NaN);
    this.head.progress(0);
    this.head.chip("", "done");
    this.head.figures({ tokens: 0, time: 0, speed: NaN, note: "" });
    this.head.server("", "");
    this.head.details(null);
  }

  get done() {
    return this.lane.state.finished !== null;
  }
}

export class Race {
  /** @param view what surrounds the lanes: `title(race)`, `notice(key, text, look)`, `why(text)`, `ended(race, run)` */
  constructor(view) {
    this.view = view;
    this.left = new Side("Baseline");
    this.right = new Side("Run");
    this.charts = new Charts(this.right.lane);
    this.charts.onReady = () => this.wake();
    this.node = el("div.lanes", {}, this.left.node, this.right.node);
    this.info = null;
    this.frame = 0;
    this.figuresDue = 0;
    this.ticked = -Infinity;
  }

  get run() {
    return this.right.lane;
  }

  get baseline() {
    return this.info?.baseline ? this.left.lane : null;
  }

  get mode() {
    return this.info?.mode ?? "lookahead";
  }

  /** Shows a race: `info` is what `/races/{id}` says of it. */
  open(info, { replay = false } = {}) {
    this.info = info;
    this.finishedShown = false;
    this.ghost = false; // true once the baseline is replayed beside the run
    this.offset = Infinity; // performance.now() minus the run's clock, in ms
    this.replaying = replay;
    this.skipped = !replay && !["queued", "running"].includes(info.run.status); // it is over: nothing to race
    this.rightAnnounced = false;
    this.left.clear();
    this.right.clear();
    this.charts.reset();
    this.node.classList.toggle("single", !info.baseline);
    this.left.head.title("autoregressive");
    this.right.head.title(info.mode);
    const waits = "Waits for the models; those that are being started are shown at the top.";
    this.right.lane.say(info.at_once ? "Starts together with the baseline, on servers of its own." : info.baseline ? "Starts when the baseline has been measured alone." : waits);
    this.left.lane.say(waits);
    if (info.baseline) this.follow(this.left, info.baseline.id);
    this.follow(this.right, info.run.id);
    this.wake();
  }

  close() {
    this.left.clear();
    this.right.clear();
    this.info = null;
  }

  follow(side, id) {
    const path = (after) => `runs/${encodeURIComponent(id)}/events?after=${after}`;
    const handlers = {
      events: (events) => {
        side.queue.push(events);
        if (side === this.right) this.sync(events);
        this.wake();
      },
      end: ({ status }) => {
        side.complete = true;
        side.status = status;
        if (side === this.left && !this.info?.at_once && !this.run.state.started) {
          this.right.lane.say("Gets ready: a server it needs may have to start, or the judge to read its examples.");
        }
        side.stream?.close();
        this.wake();
      },
    };
    const says = {
      open: "",
      lost: "The connection to the server is lost; the page goes on by itself when it is back.",
      gone: "The server does not know this run any more.",
    };
    side.stream = new Stream(path, handlers, (state) => this.view.notice(`stream ${id}`, says[state], "warn"));
  }

  /** The run's clock here: the least delay of any event tells the offset best. */
  sync(events) {
    const last = events[events.length - 1];
    if (!this.replaying) this.offset = Math.min(this.offset, performance.now() - last.t * 1000);
  }

  /** Seconds since the run began, as this viewer sees it. */
  clock() {
    return this.offset === Infinity ? 0 : (performance.now() - this.offset) / 1000;
  }

  wake() {
    this.frame ||= requestAnimationFrame(() => this.tick());
  }

  tick() {
    this.frame = 0;
    if (!this.info) return;
    const began = performance.now();
    if (began - this.ticked < FRAME_EVERY) {
      this.wake();
      return;
    }
    this.ticked = began;
    const late = this.right.queue.size + this.right.lane.dirty.size + this.left.lane.dirty.size > FAR_BEHIND;
    const deadline = began + (late ? CATCH_UP_BUDGET : FRAME_BUDGET);
    this.pace();
    const taken = this.take(this.right, this.replaying ? this.clock() : Infinity, deadline);
    const ghosted = this.info.baseline ? this.take(this.left, this.ghost ? this.clock() : Infinity, deadline) : true;
    const behind = !(taken && ghosted);
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
    if (behind || !drawn || charting || playing || !this.finishedShown) this.wake();
  }

  /** Decides whether the baseline is shown as it comes, or replayed beside the run as a ghost. */
  pace() {
    const { left, right } = this;
    const loaded = right.complete && (!this.info.baseline || left.complete);
    if (this.replaying && loaded && this.offset === Infinity) this.offset = performance.now();
    if (!this.info.baseline || this.ghost || this.skipped) return;
    if (this.info.at_once && !this.replaying) return;
    if (!right.queue.started || !left.queue.total) return;
    left.queue.rewind();
    left.lane.reset();
    this.ghost = true;
  }

  take(side, until, deadline) {
    const { queue, lane } = side;
    let n = 0;
    for (let event = queue.peek(); event && event.t <= until; event = queue.peek()) {
      lane.apply(event);
      queue.next();
      if ((++n & 31) === 0 && performance.now() > deadline) break;
    }
    const next = queue.peek();
    if (n) this.charts.touch();
    return !next || next.t > until - SMOOTH;
  }

  draw(deadline) {
    const right = this.right.lane.render(deadline);
    const left = this.info.baseline ? this.left.lane.render(Math.max(deadline, performance.now() + 2)) : true;
    return left && right;
  }

  /** Whether a clock is running: something will change without any event. */
  playing() {
    const { left, right } = this;
    const ghost = this.ghost && !left.done;
    const replay = this.replaying && !right.done;
    const live = right.lane.state.started && !right.done && !right.complete;
    const measuring = left.lane.state.started && !left.done && !left.complete;
    return Boolean(ghost || replay || live || measuring);
  }

  /** Tokens per second of the baseline: of the whole run where it is known, else so far. */
  baselineRate() {
    const whole = this.left.queue.total;
    if (whole) return whole.tokens / whole.time;
    return speedOf(this.left.lane, this.left.lane.state.t).speed;
  }

  figures() {
    const { left, right } = this;
    if (this.info.baseline) {
      const running = this.ghost ? Math.min(this.clock(), left.queue.total?.time ?? Infinity) : left.lane.state.t;
      left.head.figures(speedOf(left.lane, running));
      left.head.progress(left.lane.state.written.target / (left.queue.total?.tokens ?? Infinity));
      this.leftChip();
    }
    const started = right.lane.state.started;
    const now = right.done || right.complete || !started ? right.lane.state.t : Math.max(right.lane.state.t, this.clock());
    const figures = speedOf(right.lane, now);
    right.head.figures({ ...figures, note: started && !right.done ? cycleNote(right.lane) : "" });
    const rate = this.info.baseline ? this.baselineRate() : NaN;
    right.head.compare(figures.speed / rate, right.lane.state.status === "finished");
    right.head.progress(right.done ? 1 : right.lane.state.tokens / Math.max(left.queue.total?.tokens ?? Infinity, 1));
    this.rightChip();
    this.servers();
    const shown = this.mode !== "autoregressive";
    right.head.details(shown ? details(right.lane) : null);
    left.head.details(shown ? [] : null); // as high as its neighbour
    this.view.roles(right.lane.state.degraded);
    this.view.notice("auto", chosenSentence(right.lane.state.chosen), "note");
    this.view.simulated(Boolean(started?.simulated ?? left.lane.state.started?.simulated));
  }

  /** Which server each side ran on, where that is not the same. */
  servers() {
    const [left, right] = [this.left, this.right].map((side) => side.lane.state.started ?? side.queue.started);
    const differ = left && right && left.servers?.target !== right.servers?.target;
    this.left.head.server(differ ? left.servers.target : "", "The server that played the target: without token-level speculation.");
    this.right.head.server(differ ? right.servers.target : "", `The server that played the target: with token-level speculation (${right?.speculation || "as it is set up there"}).`);
  }

  leftChip() {
    const { left } = this;
    const start = left.lane.state.started ?? left.queue.started;
    const how = this.info.at_once ? ", at the same time" : this.info.baseline_cached ? ", cached" : "";
    const when = start ? `${start.simulated ? "simulated" : "measured"} ${moment(start.started_at)}${how}` : "";
    if (!start) left.head.chip(left.status === "stopped" ? "stopped" : "queued", "queued");
    else if (this.replaying && this.info.at_once && !left.done) left.head.chip("replay · both ran at once", "live");
    else if (this.ghost && !left.done) left.head.chip(`ghost · ${when}`, "ghost", "The recorded run, replayed at its own pace.");
    else if (!left.done) left.head.chip(this.info.at_once ? "live, at the same time" : "measuring now, alone", "live");
    else if (left.lane.state.status !== "finished") left.head.chip(left.lane.state.status, "bad");
    else left.head.chip(when, "done");
  }

  rightChip() {
    const { right } = this;
    const { state } = right.lane;
    const beside = state.started?.concurrent ? " · beside other runs" : "";
    if (state.finished) right.head.chip(this.replaying ? `${state.status} · replayed${beside}` : state.status + beside, state.status === "finished" ? "done" : "bad");
    else if (right.complete && !right.queue.size) right.head.chip(right.status || "stopped", "bad");
    else if (state.started) right.head.chip((this.replaying ? "replay" : "live") + beside, "live");
    else right.head.chip("queued", "queued", "A measured run has the servers to itself: this one begins when those before it have ended.");
  }

  /** Says once how it ended, when both lanes are at their end. */
  finish() {
    if (this.finishedShown || !this.right.complete || this.right.queue.size) return;
    const { left, right } = this;
    const { state } = right.lane;
    const { status, reason } = state.finished ?? {};
    if (status === "stopped" && reason !== "stopped") this.view.notice("stopped", `The run was stopped: ${reason}.`, "warn");
    if (status === "failed") this.view.notice("failed", `The run failed: ${reason}`, "error");
    const base = left.lane.state.finished;
    if (this.info.baseline && base?.status === "failed") this.view.notice("baseline", `The baseline failed: ${base.reason}`, "error");
    const baselineOver = !this.info.baseline || left.done || (left.complete && !left.queue.size);
    if (state.finished && !this.rightAnnounced) {
      this.rightAnnounced = true;
      this.view.ended(this, this.speedup());
    }
    if (!baselineOver) return;
    this.finishedShown = true;
    this.view.settled(this, this.speedup(), this.sentence());
    this.charts.touch(true);
  }

  speedup() {
    const { state } = this.right.lane;
    if (!this.info.baseline || state.finished?.status !== "finished") return NaN;
    return speedOf(this.right.lane, state.t).speed / this.baselineRate();
  }

  sentence() {
    const speedup = this.speedup();
    return Number.isFinite(speedup) && this.left.done ? explain(this.right.lane, this.left.lane, speedup) : "";
  }

  /** Ends what is being replayed: the ghost, or both lanes. The lanes show whole runs. */
  skip() {
    if (this.replaying) this.offset = -Infinity;
    this.ghost = false;
    this.skipped = true;
    this.wake();
  }
}

/** Tokens of the answer per second, `time` seconds in. Plain decoding counts tokens as they come. */
function speedOf(lane, time) {
  const { state } = lane;
  const tokens = lane.plain && !state.finished ? Math.max(state.tokens, state.written.target) : state.tokens;
  const over = state.finished ? state.t : time;
  return { tokens, time: over, speed: tokens && over ? tokens / over : NaN };
}

/** Acceptance on both levels: drafted steps, and tokens that the target's server proposed itself. */
function details({ measures, plain, state }) {
  const { decided, share } = measures.acceptance;
  const counted = state.finished?.speculation;
  const proposed = counted?.proposed_tokens;
  return [
    ["steps accepted", plain || !decided ? "–" : percent(share), "Of the steps of the answer that were compared, the share where the drafted one stayed."],
    ["proposals accepted", proposed ? percent(counted.accepted_tokens / proposed) : "–", "Token-level speculation, as the target’s server counted it during the run; read when the run has ended."],
    ["tokens a pass", counted?.drafts ? (1 + counted.accepted_tokens / counted.drafts).toFixed(2) : "–", "What a pass of the target with proposals came to: those accepted, and one more."],
  ];
}

function cycleNote(lane) {
  if (lane.plain) return "";
  const ahead = [...lane.open].reduce((most, id) => Math.max(most, lane.state.positions.get(id).step - lane.state.answer.length + 1), 0);
  const flying = lane.measures.flying.size;
  const parts = [`cycle ${lane.state.cycle + 1}`];
  if (ahead > 0) parts.push(`${ahead} ahead`);
  if (flying) parts.push(`${flying} at the target`);
  return parts.join(", ");
}
