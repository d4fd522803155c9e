// Three, two, one: before a run is asked for, so that no clock has begun.

import { el, setText, show } from "./dom.js";

const FROM = 3;
const KEPT = "ll-countdown";

export class Countdown {
  constructor() {
    this.number = el("b");
    this.node = el("div.countdown", { role: "status", hidden: true }, this.number);
    this.choice = el("input", { type: "checkbox" });
    this.choice.checked = kept() === "yes";
    this.choice.addEventListener("change", () => keep(this.choice.checked ? "yes" : "no"));
    this.option = el("label.option", { title: "A run is started after it: no clock has begun. In stage mode there always is one." }, this.choice, "countdown");
    this.counting = false;
  }

  /** Counts down where that is wanted; the promise holds when it has. */
  async run(wanted) {
    if (this.counting || !(wanted || this.choice.checked)) return;
    this.counting = true;
    show(this.node, true);
    for (let n = FROM; n > 0; n--) {
      setText(this.number, String(n));
      await new Promise((done) => setTimeout(done, 1000));
    }
    show(this.node, false);
    this.counting = false;
  }
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function keep(value) {
  try {
    localStorage.setItem(KEPT, value);
  } catch {
    // it is forgotten with the page
  }
}
