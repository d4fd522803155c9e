// Steps of the same number beside each other, each held against the first run's.

import { differingRanges } from "../diff.js";
import { el, setText, show } from "../dom.js";
import { count, seconds } from "../format.js";
import { appendRich } from "../rich.js";
import { OUTCOMES, RELATIONS, source } from "./words.js";

const AT_ONCE = 40; // rows that are built at a time

export class AlignedSteps {
  constructor() {
    this.sum = el("span.hint");
    this.grid = el("div.aligned", { role: "table", "aria-label": "Steps side by side" });
    this.box = el("div.scroller", { role: "region", "aria-label": "Steps side by side", tabindex: "0" }, this.grid);
    this.more = el("button.quiet", { type: "button", onclick: () => this.build() });
    this.node = el("section.panel", {}, el("div.row.headline", {}, el("b", {}, "Steps"), this.sum), this.box, this.more);
  }

  /** @param steps rows of one step for each run, null where it has none */
  show(names, runs, steps) {
    this.runs = runs;
    this.steps = steps;
    this.built = 0;
    this.grid.style.setProperty("--runs", runs.length);
    this.grid.replaceChildren(el("div.line.names", { role: "row" }, el("span.number", { role: "columnheader" }, el("span.sr", {}, "Step")), ...names.map((name) => el("b", { role: "columnheader" }, name))));
    setText(this.sum, tally(steps));
    this.build();
  }

  build() {
    const rows = this.steps.slice(this.built, this.built + AT_ONCE);
    this.grid.append(...rows.map((row, i) => this.line(row, this.built + i)));
    this.built += rows.length;
    const left = this.steps.length - this.built;
    show(this.more, left > 0);
    setText(this.more, `Show ${Math.min(left, AT_ONCE)} more of ${count(left, "step")}`);
  }

  line(row, number) {
    const [first] = row;
    return el("div.line", { role: "row" },
      el("span.number", { role: "rowheader" }, String(number + 1)),
      ...row.map((step, i) => (step ? cell(step, i && first, this.runs[i]) : el("div.cell.missing", { role: "cell" }, "– no step –"))));
  }
}

/** @param first the first run's step, where this is another's */
function cell(step, first, run) {
  const relation = RELATIONS[step.relation];
  const words = el("div.words");
  const marks = first && !["equal", "alone"].includes(step.relation) ? differingRanges(step.text, first.text) : [];
  appendRich(words, step.text, marks);
  return el("div.cell", { role: "cell", "data-relation": step.relation },
    el("div.top", {},
      relation ? el("span.relation", { title: relation[2] }, `${relation[0]} ${relation[1]}`) : null,
      step.note ? el("span.note", {}, step.note) : null,
      el("span.meta", { title: source(run) }, `${OUTCOMES[step.outcome] ?? step.outcome} · ${count(step.tokens, "token")} · ${seconds(step.t)}`)),
    words);
}

function tally(steps) {
  const found = new Map();
  for (const row of steps) for (const step of row.slice(1)) if (step) found.set(step.relation, (found.get(step.relation) ?? 0) + 1);
  const parts = Object.entries(RELATIONS).filter(([key]) => found.has(key)).map(([key, [sign, word]]) => `${sign} ${found.get(key)} ${word}`);
  return `${count(steps.length, "step")}; held against the first run: ${parts.join(", ")}`;
}
