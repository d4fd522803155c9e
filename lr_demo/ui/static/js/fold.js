// A run's events folded for the page: its state, what it measured, who worked when, and what is still to be drawn.

import { Measures } from "./measures.js";
import { CriticalPath } from "./path.js";
import { Spans } from "./spans.js";
import { RunState } from "./state.js";

export class Fold {
  constructor() {
    this.state = new RunState();
    this.measures = new Measures();
    this.spans = new Spans();
    this.path = new CriticalPath();
    this.open = new Set(); // positions that are not decided
    this.dirty = new Set(); // positions that changed since they were drawn
  }

  apply(event) {
    this.measures.apply(event, this.state);
    this.state.apply(event);
    if (event.type === "step_delta") { // most events are: no bar and no place in the tree changes with them
      this.dirty.add(event.position);
      return;
    }
    this.spans.apply(event, this.state);
    this.path.apply(event, this.state);
    if (event.position !== undefined && this.state.positions.has(event.position)) this.dirty.add(event.position);
    if (event.type === "position_opened") this.open.add(event.position);
    else if (event.type === "step_committed") {
      this.open.delete(event.position);
      this.sweep();
    } else if (event.type === "verdict" ? !event.accepted : event.type === "step_cancelled" && event.role === "draft") this.sweep();
    else if (event.type === "run_finished") this.sweep(true);
  }

  /** Undecided positions that no longer can join the answer leave the cards. */
  sweep(all = false) {
    for (const id of this.open) {
      const position = this.state.positions.get(id);
      if (!all && this.state.alive(position)) continue;
      position.dead = true;
      this.open.delete(id);
      this.dirty.add(id);
    }
  }
}
