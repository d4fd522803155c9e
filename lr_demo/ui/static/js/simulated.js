// The badge of a simulated run that nobody can miss: a slim bar that stays in sight, what it is made of beneath, and a
// mark on all that hangs below.

import { el, setText, show } from "./dom.js";
import { stampCharts } from "./plot.js";

const MEANS = "No model runs here. No time below was measured on a server.";

export class Simulated {
  /** @param root what carries the mark: heads of lanes, cards and charts within it say that they are simulated */
  constructor(root) {
    this.root = root;
    this.node = bar(MEANS);
    this.made = el("span.made");
    this.about = el("p.simulation-about", { hidden: true }, el("span.plain", {}, MEANS), this.made);
  }

  /**
   * @param {boolean} is whether what is shown is simulated
   * @param {string} made what its times and text are made of
   */
  say(is, made) {
    showBar(this.node, is);
    show(this.about, is);
    this.root.toggleAttribute("data-simulated", is);
    stampCharts(is ? "◇ simulated" : "");
    setText(this.made, made);
    this.about.classList.toggle("bare", !made);
  }
}

/** The bar alone: what it means beside it where there is room. */
export const bar = (means) => el("aside.simulation", { role: "note", "aria-label": "Simulated", hidden: true }, el("b", {}, "◇ SIMULATED"), el("span.plain", {}, means));

/** The page makes room for the bar. By a class: `:has()` would look through the page at every change of it. */
export function showBar(node, is) {
  show(node, is);
  document.documentElement.classList.toggle("ll-simulated", is);
}
