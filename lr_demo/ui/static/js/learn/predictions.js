// What the reader said before each verdict, and how often that was right. Only the first answer counts.

import { el } from "../dom.js";

const WORDS = { true: "accepted", false: "rejected" };

export class Predictions {
  /** @param {(accepted: boolean) => void} chosen */
  constructor(chosen) {
    this.chosen = chosen;
    this.reset();
  }

  reset() {
    this.made = new Map(); // number of the stage to { guess, verdict }
  }

  guess(stage, guess, verdict) {
    if (!this.made.has(stage)) this.made.set(stage, { guess, verdict });
  }

  get score() {
    const all = [...this.made.values()];
    if (!all.length) return "no prediction yet";
    return `${all.filter(({ guess, verdict }) => guess === verdict).length} of ${all.length} predicted right`;
  }

  /** The two buttons; what was said before stays marked. */
  question(stage) {
    const before = this.made.get(stage);
    const option = (accepted, text) =>
      el("button.quiet", { type: "button", "aria-pressed": before ? String(before.guess === accepted) : null, onclick: () => this.chosen(accepted) }, text);
    return el("div.question", { role: "group", "aria-label": "Your prediction" }, option(true, "✓ accepted"), option(false, "✗ rejected"));
  }

  /** Whether the prediction of a stage was right; null where none was made. */
  judged(stage) {
    const made = this.made.get(stage);
    if (!made) return null;
    const right = made.guess === made.verdict;
    return el("p.judged", { "data-right": String(right) }, `${right ? "✓ Right" : "✗ Wrong"}: you said ${WORDS[made.guess]}.`);
  }
}
