// The events of one run on their way into a lane; kept, so that a baseline can be replayed.

import { slim } from "./state.js";

export class Queue {
  constructor() {
    this.history = [];
    this.at = 0;
    this.total = null; // { tokens, time } of the whole run, once its end is here
    this.started = null;
    this.tokens = 0;
  }

  push(events) {
    for (const event of events) {
      this.history.push(slim(event));
      if (event.type === "step_committed") this.tokens += event.tokens;
      else if (event.type === "run_started") this.started = event;
      else if (event.type === "run_finished") this.total = { tokens: this.tokens, time: event.t };
    }
  }

  peek() {
    return this.history[this.at];
  }

  next() {
    this.at += 1;
  }

  get size() {
    return this.history.length - this.at;
  }

  rewind() {
    this.at = 0;
  }
}
