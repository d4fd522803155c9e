// What the reader says of a run's speed before it is told. Only the first answer counts.

import { el, setText } from "../dom.js";
import { verdictOf } from "../explain.js";
import { factor } from "../format.js";

const FURTHEST = 2; // doublings to either side of 1×
const CLOSE = 1.2; // a guess within this factor of the speedup is a good one
const AGAINST = { faster: "faster than the target alone", slower: "slower than the target alone", equal: "as fast as the target alone" };

export class SpeedGuess {
  /** @param {() => void} made called when a guess was made */
  constructor(made) {
    this.made = made;
    this.reset();
  }

  reset() {
    this.guess = null;
  }

  /** A slider around 1×, as much room for slower as for faster, and a button; what was said before stays. */
  question() {
    const output = el("output");
    const input = el("input", { type: "range", min: -FURTHEST, max: FURTHEST, step: 0.1, value: Math.log2(this.guess ?? 1), "aria-label": "Your prediction: times the speed of the target alone" });
    const value = () => 2 ** Number(input.value);
    const say = () => {
      setText(output, `${factor(value())}, ${AGAINST[verdictOf(value())]}`);
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", say);
    say();
    const tell = () => {
      this.guess ??= value();
      this.made();
    };
    return el("div.question.guess", { role: "group", "aria-label": "Your prediction" }, input, output, el("button.quiet", { type: "button", onclick: tell }, "that is my guess"));
  }

  /** Whether a speedup was guessed well enough: near it, or on its side of 1×. */
  right(speedup) {
    return this.near(speedup) || verdictOf(this.guess) === verdictOf(speedup);
  }

  near(speedup) {
    return Math.max(this.guess / speedup, speedup / this.guess) <= CLOSE;
  }

  /** How near the guess was to the speedup; null where none was made. */
  judged(speedup) {
    const { guess } = this;
    if (guess === null) return null;
    const word = this.near(speedup) ? "✓ Close" : this.right(speedup) ? "✓ The right direction" : "✗ Wrong";
    return el("p.judged", { "data-right": String(this.right(speedup)) }, `${word}: you said ${factor(guess)}, it was ${factor(speedup)}.`);
  }
}
