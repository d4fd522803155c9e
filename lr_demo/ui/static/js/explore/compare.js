// Runs side by side: figures, settings with what differs, steps of the same number beside each other.

import { el, setText, show } from "../dom.js";
import { count, factor, milliseconds, percent, rate, seconds } from "../format.js";
import { linkTo, liveAddress } from "./address.js";
import { AlignedSteps } from "./aligned.js";
import { askJson } from "./ask.js";
import { copyField } from "./copy.js";
import { share } from "./share.js";
import { originChip, source, when } from "./words.js";

const number = (value) => value.toLocaleString("en");
const known = (value, words) => (value === null || value === undefined ? "–" : words(value));

/** Name, what it says of a summary, what it means. */
const FIGURES = [
  ["tokens/s", (s) => known(s.output_tokens ? s.tokens_per_s : null, rate), "Tokens of the answer per second of wall time."],
  ["speedup over AR", (s) => known(s.speedup, factor), "Over the autoregressive baseline of this run, where there is one."],
  ["wall time", (s) => seconds(s.wall_s), "From the start of the run to its end."],
  ["tokens of the answer", (s) => number(s.output_tokens), "As the target counts them."],
  ["time to the final answer", (s) => known(s.time_to_final_answer_s, seconds), "Until the text stated its final answer."],
  ["steps accepted", (s) => number(s.accepted), "Drafted steps in the answer."],
  ["steps corrected", (s) => number(s.corrected), "Target steps that took the place of rejected drafted ones."],
  ["target’s own steps", (s) => number(s.target_steps), "Target steps with no drafted one to compare."],
  ["acceptance", (s) => known(s.acceptance_rate, percent), "Of the steps that were decided by comparison, the share where the drafted one stayed."],
  ["wasted draft tokens", (s) => number(s.wasted_draft_tokens), "Drafted tokens that are not in the answer."],
  ["wasted target tokens", (s) => number(s.wasted_target_tokens), "Target tokens that neither are in the answer nor decided one of its steps."],
  ["verdict, median", (s) => known(s.verdict_latency_p50_s, (v) => milliseconds(v * 1000)), "Over the verdicts that asked the verifier."],
  ["verdict, 95th percentile", (s) => known(s.verdict_latency_p95_s, (v) => milliseconds(v * 1000)), "Over the verdicts that asked the verifier."],
  ["final answer", (s) => s.final_answer ?? "–", "What the answer states as its result."],
  ["ended", (s) => (s.status === "finished" ? "finished" : `${s.status}${s.reason ? `: ${s.reason}` : ""}`), "How the run ended."],
];

export class Comparison {
  /** @param {(wanted: object) => void} go */
  constructor(go) {
    this.asked = "";
    this.title = el("h3", { tabindex: "-1" });
    this.link = el("div.link");
    this.problem = el("p.notice", { role: "alert", "data-look": "error", hidden: true });
    this.figures = el("div.scroller", { role: "region", "aria-label": "Figures", tabindex: "0" });
    this.settings = el("div.scroller", { role: "region", "aria-label": "Settings", tabindex: "0" });
    this.all = el("input", { type: "checkbox", onchange: () => this.settings.classList.toggle("all", this.all.checked) });
    this.steps = new AlignedSteps();
    this.content = el("div.part", { hidden: true },
      el("section.panel", {}, el("div.row.headline", {}, el("b", {}, "Figures")), this.figures),
      el("section.panel", {}, el("div.row.headline", {}, el("b", {}, "Settings"), el("label.check", {}, this.all, "also what is the same")), this.settings),
      this.steps.node);
    this.node = el("section.part", { "aria-label": "Comparison" },
      el("div.panel.headbar", {},
        el("div.row", {}, el("button.quiet", { type: "button", onclick: () => go({}) }, "‹ all runs"), this.title),
        this.link),
      this.problem, this.content);
  }

  async enter({ runs }) {
    const ids = runs.join(",");
    if (this.asked === ids) return;
    this.asked = ids;
    show(this.content, false);
    show(this.problem, false);
    setText(this.title, "Reading the runs…");
    this.link.replaceChildren();
    try {
      const found = await askJson(`explore/compare?runs=${encodeURIComponent(ids)}`);
      if (this.asked === ids) this.show(found);
    } catch (error) {
      if (this.asked !== ids) return;
      this.asked = "";
      setText(this.title, "These runs cannot be compared");
      setText(this.problem, `${error.message}. Choose them again among all runs.`);
      show(this.problem, true);
    }
  }

  leave() {
    this.asked = "";
  }

  show({ runs, settings, steps }) {
    setText(this.title, `${count(runs.length, "run")} compared`);
    this.link.replaceChildren(copyField("Link to this comparison", linkTo({ compare: runs.map((run) => run.id).join(",") })));
    const names = runs.map((run, i) => `${i + 1}. ${run.name}`);
    const heads = runs.map((run, i) => el("th", { scope: "col" },
      el("a", { href: liveAddress(run.id) }, names[i]),
      el("span.beneath", {}, originChip(run.origin), run.imported ? el("span.chip", {}, "imported") : null),
      el("span.beneath", {}, when(run.began)),
      el("button.quiet", { type: "button", "aria-label": `Share ${names[i]}`, onclick: () => share(run) }, "Share…")));
    const figures = FIGURES.map(([name, say, meaning]) => el("tr", {}, el("th", { scope: "row", title: meaning }, name), ...runs.map((run) => el("td", { title: source(run) }, say(run.summary)))));
    this.figures.replaceChildren(table("Figures of the runs", heads, figures));
    const plain = names.map((name) => el("th", { scope: "col" }, name));
    const rows = settings.map((row) => el(row.differs ? "tr.differs" : "tr.same", {},
      el("th", { scope: "row" }, row.name, row.differs ? el("span.mark", {}, "≠ differs") : null),
      ...row.values.map((value) => el("td", {}, value))));
    const differing = settings.filter((row) => row.differs).length;
    this.settings.replaceChildren(el("p.hint", {}, differing ? `${count(differing, "setting")} ${differing === 1 ? "differs" : "differ"}.` : "All settings are the same."), table("Settings of the runs", plain, rows));
    this.steps.show(names, runs, steps);
    show(this.content, true);
  }
}

const table = (caption, heads, rows) => el("table.compared", {}, el("caption.sr", {}, caption), el("thead", {}, el("tr", {}, el("td"), ...heads)), el("tbody", {}, ...rows));
