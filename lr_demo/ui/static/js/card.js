// One step card: what the draft and the target write at a position, then what became of it.

import { differingRanges } from "./diff.js";
import { disclosure, el, GrowingText, setText, show } from "./dom.js";
import { count, seconds } from "./format.js";
import { describe, LOOKS, verdictBadge } from "./outcome.js";
import { PassStrip } from "./passes.js";
import { appendRich } from "./rich.js";
import { stepText } from "./state.js";

const UNASKED = ["identical", "ending"]; // methods of verdicts that no verifier gave
const ENDED = { rejected: "✗ rejected", cancelled: "⊘ cancelled", accepted: "✓ agrees" };

/** One growing text of a live card: the draft's or the target's. */
class Side {
  constructor(label, role) {
    this.words = el("div.words");
    this.growing = new GrowingText(this.words);
    this.caret = el("span.caret", { "aria-hidden": "true" });
    this.label = el("span.label", {}, label);
    this.passes = null; // the strip, once passes are told
    this.node = el(`div.side.${role}`, {}, this.label, this.words);
    this.step = null;
    this.taken = 0; // pieces of the step that are shown
    this.complete = false;
    this.compared = false;
  }

  update(step) {
    if (step !== this.step) {
      this.step = step;
      this.taken = 0;
      this.complete = false;
      this.compared = false;
      this.words.replaceChildren();
      this.growing = new GrowingText(this.words);
      this.words.append(this.caret);
      this.passes?.node.remove();
      this.passes = null;
    }
    if (this.complete) return;
    if (step.role === "target" && step.passes.length) this.showPasses(step);
    if (step.ended !== null) {
      this.complete = true;
      this.words.replaceChildren();
      appendRich(this.words, stepText(step));
    } else if (step.pieces.length > this.taken) {
      this.caret.remove();
      this.growing.append(step.pieces.slice(this.taken).join(""));
      this.words.append(this.caret);
      this.taken = step.pieces.length;
    }
    this.node.classList.toggle("done", step.ended !== null);
  }

  showPasses(step) {
    if (!this.passes) {
      this.passes = new PassStrip();
      this.node.append(this.passes.node);
    }
    this.passes.update(step);
  }

  /** What became of the step, in a word beside its label. */
  became(name) {
    const word = ENDED[this.step.phase] ?? "";
    setText(this.label, word ? `${name} ${word}` : name);
    this.node.classList.toggle("dropped", this.step.phase === "rejected" || this.step.phase === "cancelled");
  }

  /** Marks the words that are not in the other's text, once both are complete. */
  compare(other) {
    if (this.compared || !this.complete || other.ended === null) return;
    this.compared = true;
    const text = stepText(this.step);
    const ranges = differingRanges(text, stepText(other));
    if (!ranges.length) return;
    this.words.replaceChildren();
    appendRich(this.words, text, ranges);
  }
}

export class Card {
  /**
   * @param plain true in modes without drafted steps: no outcome is named
   * @param judge who can be asked why a step was accepted or not; null: nobody
   */
  constructor(position, plain, judge = null) {
    this.position = position;
    this.plain = plain;
    this.judge = judge;
    this.icon = el("span.icon", { "aria-hidden": "true" });
    this.word = el("b.word");
    this.note = el("span.note");
    this.badge = el("span.badge");
    this.cut = el("span.tag", { title: "The step reached the step cap before a boundary." }, "✂ cut by the step cap");
    this.meta = el("span.meta");
    this.body = el("div.body");
    this.top = el("div.top", {}, this.icon, this.word, el("span.where", {}, `step ${position.step + 1}`), this.badge, this.cut, this.note, this.meta);
    this.node = el(
      "article.card",
      { "data-step": position.step + 1, "data-position": position.id, tabindex: "-1" },
      this.top,
      this.body,
    );
    this.sides = new Map();
    this.final = false;
    show(this.cut, false);
  }

  update() {
    if (this.final) return;
    const { kind, note, verdict } = describe(this.position, this.plain);
    if (this.node.dataset.kind !== kind) {
      this.node.dataset.kind = kind;
      const [icon, word] = LOOKS[kind];
      setText(this.icon, icon);
      setText(this.word, word);
      show(this.icon, icon !== "");
      show(this.word, word !== "");
    }
    const beneath = kind === "corrected" || kind === "accepted"; // the reason stands below, with the other's text
    setText(this.note, beneath ? "" : note);
    show(this.note, !beneath && note !== "");
    if (this.note.title !== note) this.note.title = note;
    const asked = Boolean(verdict) && verdict.method !== "identical" && verdict.method !== "ending";
    show(this.badge, asked);
    if (asked) {
      setText(this.badge, verdictBadge(verdict));
      this.badge.title = verdict.reason ?? "";
    }
    if (this.position.committed) this.finish();
    else this.grow();
  }

  grow() {
    const { drafts, target } = this.position;
    const written = drafts.filter(Boolean);
    const beside = target ? this.side("target", this.plain ? "" : "target", "target", target) : null;
    drafts.forEach((draft, i) => {
      if (!draft) return;
      const side = this.side(`draft ${i}`, drafts.length > 1 ? `draft ${i + 1}` : "draft", "draft", draft);
      if (target) side.compare(target);
    });
    if (beside && written.length === 1) beside.compare(written[0]);
    this.body.className = this.sides.size > 1 ? "body split" : "body";
  }

  side(key, label, role, step) {
    let side = this.sides.get(key);
    if (!side) {
      side = new Side(label, role);
      this.sides.set(key, side);
      const target = this.sides.get("target");
      if (target && role === "draft") this.body.insertBefore(side.node, target.node);
      else this.body.append(side.node);
    }
    side.update(step);
    side.became(label);
    return side;
  }

  /** The step is in the answer: its text, and beneath it what it was compared with. */
  finish() {
    const { committed, drafts, target } = this.position;
    const { step } = committed;
    this.final = true;
    this.sides.clear();
    this.body.className = "body";
    const words = el("div.words");
    const text = stepText(step);
    const refused = drafts.filter((draft) => draft && draft !== step && draft.phase === "rejected");
    appendRich(words, text, committed.outcome === "corrected" && refused.length === 1 ? differingRanges(text, stepText(refused[0])) : []);
    this.body.replaceChildren(words);
    drafts.forEach((draft, i) => {
      if (!refused.includes(draft)) return;
      const { node, label } = rejected(draft, text, drafts.length > 1 ? `draft ${i + 1}` : "draft");
      this.body.append(node);
      this.offerReason(draft, label, node);
    });
    const { verdict } = step;
    const judged = committed.outcome === "accepted" && verdict?.method !== "identical";
    if (judged && target?.ended != null && target.phase !== "cancelled") {
      const { node, title } = aside(["what the target wrote", verdict?.reason].filter(Boolean).join(" · "), target, text);
      this.body.append(node);
      this.offerReason(step, title, this.body);
    } else if (judged && verdict?.reason) this.body.append(el("p.reason", {}, verdict.reason));
    if (target?.passes.length) this.showPasses(target);
    show(this.cut, step.finish === "step_cap");
    if (step.origin) {
      this.node.dataset.origin = step.origin.split(":")[0];
      this.top.title = `Text ${step.origin}`;
    }
    const took = step.ended === null ? "" : ` · ${seconds(step.ended - step.started)}`;
    setText(this.meta, `${count(committed.tokens, "token")}${took}`);
  }

  /** How token-level speculation went in the target's step, which stands in the answer or was compared with it. */
  showPasses(target) {
    const strip = new PassStrip();
    strip.update(target);
    if (!strip.node.hidden) this.body.append(strip.node);
  }

  /** Where a verifier compared a drafted step: behind its reason, a way to ask why. What is said stands in `node`. */
  offerReason(draft, reason, node) {
    const { id, step, target } = this.position;
    const compared = draft.verdict && !UNASKED.includes(draft.verdict.method) && target?.ended != null && target.phase !== "cancelled";
    if (!this.judge || !compared) return;
    const { button, said } = this.judge.about(id, draft.alternative, `step ${step + 1}`);
    reason.after(button);
    node.append(said);
  }
}

function rejected(draft, kept, label) {
  const text = stepText(draft);
  const words = el("div.words");
  appendRich(words, text, differingRanges(text, kept));
  const reason = draft.verdict?.reason;
  const line = el("span", {}, reason ? `✗ ${label}: ${reason}` : `✗ ${label}`);
  return { node: el("div.rejected", {}, el("span.label", {}, line), words), label: line };
}

/** Text that is there when asked for, with the words marked that `kept` does not have. */
function aside(text, step, kept) {
  const { node, title } = disclosure("aside", (content) => {
    if (content.childNodes.length) return;
    const words = el("div.words");
    const other = stepText(step);
    appendRich(words, other, differingRanges(other, kept));
    content.append(words);
  });
  setText(title, text);
  return { node, title };
}
