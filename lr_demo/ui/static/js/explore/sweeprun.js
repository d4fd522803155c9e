// One sweep: how far it is, a table of what its runs came to, and the curves.

import { el, setText, show } from "../dom.js";
import { count } from "../format.js";
import { postJson, Stream } from "../transport.js";
import { linkTo } from "./address.js";
import { copyField } from "./copy.js";
import { SweepCurves } from "./sweepcurves.js";
import { COLUMNS, row } from "./sweeptable.js";
import { originChip, when } from "./words.js";

const MOST_COMPARED = 6;
export class SweepRun {
  /** @param {(wanted: object) => void} go */
  constructor(go) {
    this.id = "";
    this.stream = null;
    this.title = el("h3");
    this.badge = el("span");
    this.prompt = el("p.problemtext");
    this.chips = el("div.chips");
    this.state = el("p.state", { role: "status" });
    this.fill = el("div.fill");
    this.bar = el("div.progress", { role: "progressbar", "aria-label": "Runs of the sweep that have ended", "aria-valuemin": "0" }, this.fill);
    this.stopper = el("button.quiet", { type: "button", onclick: () => this.stop() }, "■ Stop the sweep");
    this.compare = el("button.quiet", { type: "button", onclick: () => go({ compare: this.runs.join(",") }) }, "Compare its runs");
    this.problem = el("p.notice", { role: "alert", "data-look": "error", hidden: true });
    this.link = el("div.link");
    this.body = el("tbody");
    this.head = el("th", { scope: "col" });
    this.curves = new SweepCurves();
    this.node = el("div.part", { hidden: true },
      el("section.panel.headbar", {},
        el("div.row", {}, el("button.quiet", { type: "button", onclick: () => go({ sweep: "new" }) }, "‹ all sweeps"), this.title, this.badge),
        this.prompt, this.chips, this.bar,
        el("div.row.tools", {}, this.state, el("span.push"), this.compare, this.stopper), this.link),
      this.problem,
      el("section.panel", {}, el("b", {}, "Its runs"), el("div.scroller", { role: "region", "aria-label": "Runs of the sweep", tabindex: "0" },
        el("table.compared.points", {}, el("caption.sr", {}, "Runs of the sweep"), el("thead", {}, el("tr", {}, this.head, ...COLUMNS.map((name) => el("th", { scope: "col" }, name)))), this.body)),
        el("p.hint", {}, "Waste: tokens that draft and target wrote and that were thrown away, for each token of the answer. AR: plain decoding of the same problem with the same temperature and seed. Of several runs of a value: their mean, beneath it the lowest and the highest.")),
      this.curves.node);
  }

  follow(id) {
    if (this.id === id) return;
    this.leave();
    this.id = id;
    this.link.replaceChildren(copyField("Link to this sweep", linkTo({ sweep: id })));
    setText(this.title, "Reading the sweep…");
    show(this.problem, false);
    this.body.replaceChildren();
    this.prompt.textContent = this.state.textContent = "";
    this.chips.replaceChildren();
    this.badge.replaceChildren();
    show(this.stopper, false);
    show(this.compare, false);
    this.curves.clear();
    const path = `explore/sweeps/${encodeURIComponent(id)}/events`;
    this.stream = new Stream(() => path, { sweep: (sweep) => this.update(sweep), end: () => this.stream?.close() }, (state) => {
      if (state === "gone" && !this.sweep) this.missing();
    });
  }

  leave() {
    this.stream?.close();
    this.stream = null;
    this.sweep = null;
    this.id = "";
  }

  missing() {
    setText(this.title, "There is no such sweep");
    this.say("The link leads to a sweep that this server does not know: it was made elsewhere, or deleted.");
  }

  update(sweep) {
    this.sweep = sweep;
    const { setting, mode, prompt, labels, simulated, hardware, began, ended, repeats, points } = sweep;
    const runs = inOrder(points, repeats);
    const over = runs.filter(({ phase }) => !["waiting", "queued", "running"].includes(phase)).length;
    const now = runs.find(({ phase }) => ["running", "queued"].includes(phase));
    const again = repeats > 1 ? [`${repeats} runs for each value, seeds ${points[0].runs.map(({ seed }) => seed).join(", ")}`] : [];
    this.runs = runs.filter(({ finished }) => finished).map(({ run }) => run).slice(0, MOST_COMPARED);
    setText(this.title, `${mode}: ${setting} over ${points.map(({ label }) => label).join(", ")}`);
    const where = `${when(began)}${hardware ? `, ${hardware}` : ""}`;
    this.badge.replaceChildren(simulated ? originChip("simulated") : el("span.chip", { "data-look": "measured", title: `Measured: ${where}` }, "● measured"));
    setText(this.prompt, prompt);
    this.chips.replaceChildren(...[...again, ...labels, where].map((label) => el("span.chip", {}, label)));
    this.fill.style.transform = `scaleX(${over / runs.length})`;
    this.bar.setAttribute("aria-valuemax", String(runs.length));
    this.bar.setAttribute("aria-valuenow", String(over));
    const doing = now ? `${setting} ${now.label}${repeats > 1 ? `, seed ${now.seed},` : ""} is ${now.phase === "queued" ? "next: it waits for its baseline or for other runs" : "running"}` : "";
    setText(this.state, ended === null ? `${over} of ${count(runs.length, "run")} done${doing ? `; ${doing}` : ""}.` : ended === "finished" ? `Finished: ${count(runs.length, "run")}.` : `Ended after ${over - runs.filter(({ phase }) => phase === "left out").length} of ${count(runs.length, "run")}: ${ended}.`);
    show(this.stopper, ended === null);
    show(this.compare, this.runs.length > 1);
    setText(this.head, setting);
    this.body.replaceChildren(...points.map((point) => row(point, simulated ? "simulated" : "measured")));
    this.curves.show(sweep);
  }

  async stop() {
    this.stopper.disabled = true;
    try {
      await postJson(`explore/sweeps/${encodeURIComponent(this.id)}/stop`, {});
    } catch (error) {
      this.say(`Not stopped: ${error.message}`);
    }
    this.stopper.disabled = false;
  }

  say(text) {
    setText(this.problem, text);
    show(this.problem, text !== "");
  }
}

/** All runs in the order in which they are made: each value once, then each once more; every one with its value. */
const inOrder = (points, repeats) =>
  Array.from({ length: repeats }, (_, i) => points.filter(({ runs }) => runs[i]).map(({ label, runs }) => ({ label, ...runs[i] }))).flat();
