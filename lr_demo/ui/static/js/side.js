// A run of the race on its way to the screen: the stream of its events, the moment of it that is shown, its lane and head.

import { el } from "./dom.js";
import { Fold } from "./fold.js";
import { MODES } from "./format.js";
import { Head } from "./head.js";
import { Lane } from "./lane.js";
import { Queue } from "./queue.js";
import { Judge } from "./reason.js";
import { Stream } from "./transport.js";

const SLICE = 32; // events between two looks at the clock
const JUMP = 0.5; // seconds: cards that a longer jump brings do not land one by one

export class Side {
  constructor(label) {
    this.head = new Head();
    this.lane = new Lane(label);
    this.node = el("section.panel.lane", { "aria-label": label }, this.head.node, this.lane.node);
    this.stream = null;
    this.clear();
  }

  clear() {
    this.stream?.close();
    this.stream = null;
    this.info = null; // what `/races/{id}` says of the run
    this.queue = new Queue();
    this.anew = null; // { fold, at }: an earlier moment on its way
    this.complete = false; // all events of the run are here
    this.status = "";
    this.offset = Infinity; // performance.now() minus the run's clock, in ms
    this.lane.judge?.leave();
    this.lane.judge = null;
    this.lane.reset();
    this.head.clear();
  }

  /**
   * @param judge the model that can be asked about verdicts; empty where there is none
   * @param told called with: nothing when events came, "end" when the run is complete, else how the stream is
   */
  open(info, told, judge = "") {
    this.info = info;
    this.lane.judge = judge ? new Judge(info.id, judge) : null;
    this.node.dataset.kind = info.kind;
    this.node.dataset.mode = info.mode;
    this.head.title(info.mode);
    this.node.setAttribute("aria-label", `${MODES[info.mode]?.long ?? info.mode}, ${info.kind}`);
    const handlers = {
      events: (events) => {
        this.queue.push(events);
        this.offset = Math.min(this.offset, performance.now() - events[events.length - 1].t * 1000); // the least delay tells best
        told();
      },
      end: ({ status }) => {
        this.complete = true;
        this.status = status;
        this.stream?.close();
        told("end");
      },
    };
    this.stream = new Stream((after) => `runs/${encodeURIComponent(info.id)}/events?after=${after}`, handlers, told);
  }

  /** The turn in which the run is measured; -1 where it was measured earlier. */
  get turn() {
    return this.info.turn ?? -1;
  }

  get state() {
    return this.lane.state;
  }

  get done() {
    return this.lane.state.finished !== null;
  }

  /** The run's first event, as soon as it is here. */
  get started() {
    return this.lane.state.started ?? this.queue.started;
  }

  /** Whether all that there is was taken. */
  get drained() {
    return this.complete && !this.queue.size && !this.anew;
  }

  /** Seconds since the run began, as this viewer sees it. */
  get clock() {
    return this.offset === Infinity ? 0 : (performance.now() - this.offset) / 1000;
  }

  /** Whether the lane shows more than what had happened at a moment. */
  isAfter(moment) {
    return this.queue.at > 0 && moment < this.lane.state.t;
  }

  /**
   * Brings the lane towards the moment `until`: exactly the events up to it are folded, from the start where it lies
   * in the past. What is shown changes when all of them are.
   * @returns {{taken: number, left: number, adopted: boolean}} events that were taken, seconds between the moment
   * and the next event due, and whether an earlier moment is shown now
   */
  advance(until, deadline) {
    const { queue, lane } = this;
    if (this.anew ? until < this.anew.fold.state.t : this.isAfter(until)) this.anew = { fold: new Fold(), at: 0 };
    const way = this.anew ?? { fold: lane.fold, at: queue.at };
    const from = way.fold.state.t;
    let taken = 0;
    for (let event = queue.history[way.at]; event && event.t <= until; event = queue.history[way.at]) {
      way.fold.apply(event);
      way.at += 1;
      if (++taken % SLICE === 0 && performance.now() > deadline) break;
    }
    const next = queue.history[way.at];
    const there = !next || next.t > until;
    const adopted = this.anew !== null && there;
    if (!this.anew) queue.at = way.at;
    else if (there) {
      this.anew = null;
      queue.at = way.at;
      lane.adopt(way.fold);
    }
    if (taken) lane.node.classList.toggle("still", lane.fold !== way.fold || way.fold.state.t - from > JUMP);
    return { taken, left: there ? 0 : until - next.t, adopted };
  }
}
