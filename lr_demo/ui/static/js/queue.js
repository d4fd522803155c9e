// The events of one run on their way into a lane; kept, so that any moment of it can be shown again.

import { slim } from "./state.js";

export class Queue {
  constructor() {
    this.history = [];
    this.at = 0; // how many of them the lane shows
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

  get size() {
    return this.history.length - this.at;
  }
}
