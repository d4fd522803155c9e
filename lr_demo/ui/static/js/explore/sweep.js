// Sweeps: the form of a new one with those there are, or one of them while it runs and after.

import { el, setText, show } from "../dom.js";
import { getJson } from "../transport.js";
import { addressOf } from "./address.js";
import { SweepForm } from "./sweepform.js";
import { SweepRun } from "./sweeprun.js";
import { when } from "./words.js";

export class SweepView {
  /** @param {(wanted: object) => void} go */
  constructor(go) {
    this.go = go;
    this.form = new SweepForm((sweep) => go({ sweep }));
    this.list = el("ul.list");
    this.others = el("section.panel", { hidden: true }, el("b", {}, "Sweeps of this server"), this.list);
    this.fresh = el("div.part", {}, this.form.node, this.others);
    this.run = new SweepRun(go);
    this.node = el("section.part", { "aria-label": "Sweeps" }, this.fresh, this.run.node);
  }

  enter({ sweep, from }) {
    const one = Boolean(sweep) && sweep !== "new";
    show(this.fresh, !one);
    show(this.run.node, one);
    if (one) {
      this.run.follow(sweep);
      return;
    }
    this.run.leave();
    this.form.begin(from);
    this.load();
  }

  leave() {
    this.run.leave();
  }

  async load() {
    try {
      const sweeps = await getJson("explore/sweeps");
      this.list.replaceChildren(...sweeps.slice(0, 20).map((sweep) => this.line(sweep)));
      show(this.others, sweeps.length > 0);
    } catch {
      show(this.others, false); // the form says what is wrong when it is used
    }
  }

  line({ id, prompt, setting, mode, values, repeats, began, simulated, ended }) {
    const link = el("a", { href: addressOf({ sweep: id }) }, `${mode}, ${setting} ${values.join(", ")}`);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.go({ sweep: id });
    });
    const state = ended === null ? "under way" : ended === "finished" ? "" : ended;
    const said = [repeats > 1 ? `${repeats} runs each` : null, when(began), simulated ? "simulated" : null, state].filter(Boolean).join(" · ");
    const node = el("li", {}, link, el("span.hint", {}, said), el("span.about"));
    setText(node.lastChild, prompt);
    return node;
  }
}
