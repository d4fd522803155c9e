// The badge of a simulated run that nobody can miss: a banner on top, and a mark on all that hangs below it.

import { el, setText, show } from "./dom.js";
import { stampCharts } from "./plot.js";

export class Simulated {
  /** @param root what carries the mark: heads of lanes, cards and charts within it say that they are simulated */
  constructor(root) {
    this.root = root;
    this.made = el("span.made");
    this.node = el(
      "aside.simulation", { role: "note", "aria-label": "Simulated", hidden: true },
      el("b", {}, "◇ SIMULATED"), el("span.plain", {}, "No model runs here. No time below was measured on a server."), this.made,
    );
  }

  /**
   * @param {boolean} is whether what is shown is simulated
   * @param {string} made what its times and text are made of
   */
  say(is, made) {
    show(this.node, is);
    this.root.toggleAttribute("data-simulated", is);
    stampCharts(is ? "◇ simulated" : "");
    setText(this.made, made);
  }
}
