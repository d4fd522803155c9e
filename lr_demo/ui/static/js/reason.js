// The judge's reason for a verdict, in words: asked afterwards, when a reader wants it. What it says is text, never markup.

import { el, setText, show } from "./dom.js";
import { seconds } from "./format.js";
import { postJson } from "./transport.js";

/** Who can be asked about the verdicts of a run, and what is being asked. */
export class Judge {
  /**
   * @param {string} run id of the run
   * @param {string} model of the judge; the reader is told who speaks
   */
  constructor(run, model) {
    this.path = `runs/${encodeURIComponent(run)}/reasons`;
    this.model = model;
    this.asking = new Set(); // AbortControllers
  }

  /** A button to ask why one drafted step was accepted or not, and where the answer will stand: { button, said }. */
  about(position, alternative, name) {
    return new Question(this, position, alternative, name);
  }

  async ask(position, alternative, control) {
    this.asking.add(control);
    try {
      return await postJson(this.path, { position, alternative }, control.signal);
    } finally {
      this.asking.delete(control);
    }
  }

  /** The run is left: nobody reads the answers any more. */
  leave() {
    for (const control of this.asking) control.abort();
  }
}

class Question {
  constructor(judge, position, alternative, name) {
    Object.assign(this, { judge, position, alternative, name, control: null });
    this.button = el("button.ask", { type: "button", onclick: () => (this.control ? this.control.abort() : this.ask()) });
    this.said = el("p.said", { tabindex: "-1", role: "status", hidden: true });
    this.button.title = "The judge is asked now, after the run, and changes nothing of it.";
    this.offer();
  }

  offer() {
    this.call("why?", `why? Ask the judge about ${this.name}`);
  }

  /** What the button says, and what is read out: the same words first. */
  call(text, spoken) {
    setText(this.button, text);
    this.button.setAttribute("aria-label", spoken);
  }

  async ask() {
    const control = (this.control = new AbortController());
    this.call("stop asking", `stop asking the judge about ${this.name}`);
    this.tell("busy", `${this.judge.model} reads both steps …`);
    try {
      this.answer(await this.judge.ask(this.position, this.alternative, control));
    } catch (error) {
      this.offer();
      if (control.signal.aborted) show(this.said, false);
      else this.tell("failed", `No reason: ${error.message}`);
    }
    this.control = null;
  }

  answer({ text, model, simulated, seconds: took }) {
    this.tell("answered", text || "The judge wrote nothing.");
    const who = simulated ? "◇ simulated, no model was asked" : model;
    this.said.prepend(el("span.label", {}, `asked afterwards, no part of the verdict · ${who} · ${seconds(took)}`));
    const focused = document.activeElement === this.button;
    show(this.button, false);
    if (focused) this.said.focus({ preventScroll: true });
  }

  tell(look, text) {
    this.said.dataset.look = look;
    this.said.replaceChildren(el("span", {}, text));
    show(this.said, true);
  }
}
