// One sweep: how far it is, a table of what its runs came to, and the curves.

import { el, setText, show } from "../dom.js";
import { count, factor, percent, rate } from "../format.js";
import { postJson, Stream } from "../transport.js";
import { linkTo, liveAddress } from "./address.js";
import { copyField } from "./copy.js";
import { SweepCurves } from "./sweepcurves.js";
import { originChip, when } from "./words.js";

const MOST_COMPARED = 6;
const PHASES = {
  waiting: "◌ waiting", queued: "◌ queued", running: "▶ running", finished: "✓ finished", stopped: "■ stopped",
  failed: "✗ failed", "left out": "– not run",
};

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
    const columns = ["state", "tokens/s", "AR tokens/s", "speedup", "acceptance", "waste", "run"];
    this.node = el("div.part", { hidden: true },
      el("section.panel.headbar", {},
        el("div.row", {}, el("button.quiet", { type: "button", onclick: () => go({ sweep: "new" }) }, "‹ all sweeps"), this.title, this.badge),
        this.prompt, this.chips, this.bar,
        el("div.row.tools", {}, this.state, el("span.push"), this.compare, this.stopper), this.link),
      this.problem,
      el("section.panel", {}, el("b", {}, "Its runs"), el("div.scroller", { role: "region", "aria-label": "Runs of the sweep", tabindex: "0" },
        el("table.compared.points", {}, el("caption.sr", {}, "Runs of the sweep"), el("thead", {}, el("tr", {}, this.head, ...columns.map((name) => el("th", { scope: "col" }, name)))), this.body)),
        el("p.hint", {}, "Waste: tokens that draft and target wrote and that were thrown away, for each token of the answer. AR: plain decoding of the same problem with the same temperature and seed.")),
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
    const { setting, mode, prompt, labels, simulated, hardware, began, ended, points } = sweep;
    const over = points.filter(({ phase }) => !["waiting", "queued", "running"].includes(phase)).length;
    const now = points.find(({ phase }) => ["running", "queued"].includes(phase));
    this.runs = points.filter(({ figures }) => figures).map(({ run }) => run).slice(0, MOST_COMPARED);
    setText(this.title, `${mode}: ${setting} over ${points.map(({ label }) => label).join(", ")}`);
    const where = `${when(began)}${hardware ? `, ${hardware}` : ""}`;
    this.badge.replaceChildren(simulated ? originChip("simulated") : el("span.chip", { "data-look": "measured", title: `Measured: ${where}` }, "● measured"));
    setText(this.prompt, prompt);
    this.chips.replaceChildren(...[...labels, where].map((label) => el("span.chip", {}, label)));
    this.fill.style.transform = `scaleX(${over / points.length})`;
    this.bar.setAttribute("aria-valuemax", String(points.length));
    this.bar.setAttribute("aria-valuenow", String(over));
    const doing = now ? `${setting} ${now.label} is ${now.phase === "queued" ? "next: it waits for its baseline or for other runs" : "running"}` : "";
    setText(this.state, ended === null ? `${over} of ${count(points.length, "run")} done${doing ? `; ${doing}` : ""}.` : ended === "finished" ? `Finished: ${count(points.length, "run")}.` : `Ended after ${over - points.filter(({ phase }) => phase === "left out").length} of ${count(points.length, "run")}: ${ended}.`);
    show(this.stopper, ended === null);
    show(this.compare, this.runs.length > 1);
    setText(this.head, setting);
    this.body.replaceChildren(...points.map((point) => line(point, simulated ? "simulated" : "measured")));
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

function line(point, how) {
  const { label, run, phase, problem, figures } = point;
  const { tokens_per_s = null, acceptance = null, waste = null, speedup = null, baseline = null, baseline_tokens_per_s = null } = figures ?? {};
  const from = run ? `${how}, from the trace of run ${run}` : null;
  const known = (value, words) => (value === null ? "–" : words(value));
  return el("tr", { "data-phase": phase },
    el("th", { scope: "row" }, label),
    el("td", {}, PHASES[phase] ?? phase, problem ? el("span.beneath", {}, problem) : null),
    el("td", { title: from }, known(tokens_per_s, rate)),
    el("td", { title: baseline ? `${how}, from the trace of run ${baseline}` : null }, known(baseline_tokens_per_s, rate)),
    el("td", { title: from }, known(speedup, factor)),
    el("td", { title: from }, known(acceptance, percent)),
    el("td", { title: from }, known(waste, (value) => value.toFixed(2))),
    el("td", {}, run ? el("a", { href: liveAddress(run), "aria-label": `Open the run of ${label}` }, "open") : "–"));
}
