// The Learn page: the player with the lessons, then the theory.

import { Player } from "./player.js";
import { Theory } from "./theory.js";

export class LearnPage {
  constructor(root) {
    document.title = "Learn · Lookahead Live";
    this.player = new Player();
    this.theory = new Theory();
    root.replaceChildren(this.player.node, this.theory.node);
    this.player.begin();
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** Arrow keys step through the run, wherever the focus is, except in what has a use of its own for them. */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest?.("input, select, textarea, [role=slider], [contenteditable]")) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.player.move(step);
  }
}
