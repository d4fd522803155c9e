// One step card: what the draft and the target write at a position, then what became of it.

import { differingRanges } from "./diff.js";
import { disclosure, el, GrowingText, setText, show } from "./dom.js";
import { count, seconds } from "./format.js";
import { describe, LOOKS, verdictBadge } from "./outcome.js";
import { appendRich } from "./rich.js";
import { stepText } from "./state.js";

/** One growing text of a live card: the draft's or the target's. */
class Side {
  constructor(label, role) {
    this.words = el("div.words");
    this.growing = new GrowingText(this.words);
    this.caret = el("span.caret", { "aria-hidden": "true" });
    this.label = el("span.label", {}, label);
    this.node = el(`div.side.${role}`, {}, this.label, this.words);
    this.step = null;
    this.taken = 0; // pieces of the step that are shown
    this.complete = false;
  }

  update(step) {
    if (step !== this.step) {
      this.step = step;
      this.taken = 0;
      this.complete = false;
      this.words.replaceChildren();
      this.growing = new GrowingText(this.words);
      this.words.append(this.caret);
    }
    if (this.complete) return;
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
    this.node.classList.toggle("dropped", step.phase === "rejected" || step.phase === "cancelled");
  }
}

export class Card {
  /** @param plain true in modes without drafted steps: no outcome is named */
  constructor(position, plain) {
    this.position = position;
    this.plain = plain;
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
      { "data-step": position.step + 1 },
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
    const beneath = kind === "corrected"; // its reason stands with the rejected draft
    setText(this.note, beneath ? "" : note);
    show(this.note, !beneath && note !== "");
    if (this.note.title !== note) this.note.title = note;
    const asked = Boolean(verdict) && verdict.method !== "identical" && verdict.method !== "ending";
    show(this.badge, asked);
    if (asked) setText(this.badge, verdictBadge(verdict));
    if (this.position.committed) this.finish();
    else this.grow();
  }

  grow() {
    const { drafts, target } = this.position;
    drafts.forEach((draft, i) => draft && this.side(`draft ${i}`, drafts.length > 1 ? `draft ${i + 1}` : "draft", "draft").update(draft));
    if (target) this.side("target", this.plain ? "" : "target", "target").update(target);
    this.body.className = this.sides.size > 1 ? "body split" : "body";
  }

  side(key, label, role) {
    let side = this.sides.get(key);
    if (!side) {
      side = new Side(label, role);
      this.sides.set(key, side);
      const target = this.sides.get("target");
      if (target && role === "draft") this.body.insertBefore(side.node, target.node);
      else this.body.append(side.node);
    }
    if (side.label.textContent !== label) setText(side.label, label);
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
    appendRich(words, text);
    this.body.replaceChildren(words);
    drafts.forEach((draft, i) => {
      if (!draft || draft === step || draft.phase !== "rejected") return;
      this.body.append(rejected(draft, text, drafts.length > 1 ? `draft ${i + 1}` : "draft"));
    });
    if (committed.outcome === "accepted" && step.verdict?.method !== "identical" && target?.ended != null && target.phase !== "cancelled") {
      this.body.append(aside("what the target wrote", target));
    }
    show(this.cut, step.finish === "step_cap");
    if (step.origin) {
      this.node.dataset.origin = step.origin.split(":")[0];
      this.top.title = `Text ${step.origin}`;
    }
    const took = step.ended === null ? "" : ` · ${seconds(step.ended - step.started)}`;
    setText(this.meta, `${count(committed.tokens, "token")}${took}`);
  }
}

function rejected(draft, kept, label) {
  const text = stepText(draft);
  const words = el("div.words");
  appendRich(words, text, differingRanges(text, kept));
  const reason = draft.verdict?.reason;
  return el("div.rejected", {}, el("span.label", {}, reason ? `✗ ${label}: ${reason}` : `✗ ${label}`), words);
}

/** Text that is there when asked for. */
function aside(text, step) {
  const { node, title } = disclosure("aside", (content) => {
    if (content.childNodes.length) return;
    const words = el("div.words");
    appendRich(words, stepText(step));
    content.append(words);
  });
  setText(title, text);
  return node;
}
