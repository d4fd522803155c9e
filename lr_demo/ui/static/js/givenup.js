// The steps of a cycle that were given up: one line, opened to read them.

import { disclosure, el, setText } from "./dom.js";
import { count } from "./format.js";
import { verdictBadge } from "./outcome.js";
import { appendRich } from "./rich.js";
import { stepText } from "./state.js";

export class GivenUp {
  constructor() {
    this.steps = [];
    this.tokens = 0;
    const { node, title, content } = disclosure("givenup", () => this.fill());
    this.node = node;
    this.title = title;
    this.list = content;
  }

  add(position) {
    for (const step of [...position.drafts, position.target]) {
      if (!step) continue;
      this.steps.push({ step, index: position.step });
    }
    this.node.dataset.positions = `${this.node.dataset.positions ?? ""} ${position.id}`;
    this.update();
  }

  update() {
    const drafted = this.steps.filter(({ step }) => step.role === "draft").length;
    const expansions = this.steps.length - drafted;
    const tokens = this.steps.reduce((sum, { step }) => sum + step.tokens, 0);
    const parts = [];
    if (drafted) parts.push(count(drafted, "draft"));
    if (expansions) parts.push(count(expansions, "expansion"));
    setText(this.title, `⊘ given up: ${parts.join(", ")} · ${count(tokens, "token")}`);
    if (!this.list.hidden) this.fill();
  }

  fill() {
    for (const { step, index } of this.steps.slice(this.list.childNodes.length)) {
      const words = el("div.words");
      appendRich(words, stepText(step));
      this.list.append(el("div.line", { "data-position": step.position }, el("span.label", {}, `step ${index + 1} · ${step.role} · ${became(step)}`), words));
    }
  }
}

/** How a step that was given up ended. */
function became(step) {
  const { verdict } = step;
  const judged = verdict ? `${verdict.accepted ? "✓" : "✗"} ${[verdictBadge(verdict), verdict.reason].filter(Boolean).join(" · ")}` : "";
  if (step.phase === "rejected") return judged;
  const whole = step.finish ? "⊘ not needed any more" : `⊘ cancelled after ${count(step.tokens, "token")}`;
  return [whole, judged].filter(Boolean).join(" · ");
}
