// The form of a sweep: problem, mode, the setting and its values.

import { el, setText, show } from "../dom.js";
import { postJson } from "../transport.js";
import { askJson } from "./ask.js";

/** Setting, its name, values to begin with, what they may be. */
const SETTINGS = [
  ["lookahead", "lookahead γ", "1, 2, 3, 4, 6", "whole numbers, 1 to 32"],
  ["width", "width W", "1, 2, 3", "whole numbers, 1 to 8"],
  ["threshold", "threshold", "0.3, 0.5, 0.7, 0.9", "0 to 1"],
  ["temperature", "temperature", "0, 0.3, 0.6, 1", "0 to 2; 0 is greedy"],
  ["seed", "seed", "0, 1, 2, 3", "whole numbers"],
  ["verifier", "verifier", "", "two or more"],
];
const SCORES = ["5, 6, 7, 8", "SpecReason scores, 0 to 9"];
const COMPARING = ["lookahead", "lookahead+speculative"];

/** Settings that mean something in a mode. */
const meaningful = (mode) => SETTINGS.filter(([key]) => {
  if (["temperature", "seed"].includes(key)) return true;
  if (key === "threshold") return mode === "specreason" || mode === "auto" || COMPARING.includes(mode);
  return COMPARING.includes(mode) || (key === "verifier" && mode === "auto");
});

export class SweepForm {
  /** @param {(sweep: string) => void} started */
  constructor(started) {
    this.started = started;
    this.from = undefined;
    this.heading = el("b", {}, "A new sweep");
    this.prompt = el("textarea", { id: "ll-sweep-prompt", rows: 4, maxlength: 50000, required: true });
    this.mode = el("select", { id: "ll-sweep-mode", onchange: () => this.load(this.mode.value) });
    this.setting = el("select", { id: "ll-sweep-setting", onchange: () => this.offer() });
    this.values = el("input", { id: "ll-sweep-values", type: "text", autocomplete: "off", "aria-describedby": "ll-sweep-hint" });
    this.hint = el("span.hint", { id: "ll-sweep-hint" });
    this.verifiers = el("fieldset.verifiers", { hidden: true }, el("legend", {}, "Verifiers"));
    this.tokens = el("input", { id: "ll-sweep-tokens", type: "number", min: 1, max: 131072, step: 1 });
    this.repeats = el("input", { id: "ll-sweep-repeats", type: "number", min: 1, max: 5, step: 1, value: 1, required: true, "aria-describedby": "ll-sweep-again" });
    this.repeatsField = field("Runs for each value", this.repeats, el("span.hint", { id: "ll-sweep-again" }, "1 to 5, each with the next seed"));
    this.labels = el("div.chips");
    this.source = el("p.hint");
    this.problem = el("p.notice", { role: "alert", "data-look": "error", hidden: true });
    this.button = el("button.strong", { type: "submit" }, "Start the sweep");
    this.valuesField = field("Values, with commas between them", this.values, this.hint);
    this.node = el("form.panel.sweepform", { onsubmit: (event) => this.submit(event), "aria-label": "A new sweep" },
      this.heading, el("p.hint", {}, "One setting over several values: one run or more for each, one after the other, compared with plain decoding of the same problem."),
      field("Problem", this.prompt),
      el("div.fields", {}, field("Mode", this.mode), field("Setting", this.setting), this.valuesField, this.verifiers, this.repeatsField, field("Most tokens of an answer", this.tokens)),
      el("div.others", {}, this.source, this.labels), this.problem, this.button);
  }

  begin(from) {
    if (this.from === from) return; // what was typed stays
    this.from = from;
    this.say("");
    this.button.disabled = true; // until there is something to start
    this.load().then(() => (this.button.disabled = false));
  }

  /** What the sweep starts from; a mode that was chosen stays. */
  async load(mode) {
    const query = new URLSearchParams();
    if (this.from) query.set("source", this.from);
    if (mode) query.set("mode", mode);
    try {
      const form = await askJson(`explore/sweep-form?${query}`);
      this.fill(form, !mode);
    } catch (error) {
      this.from = undefined;
      this.say(error.message);
    }
  }

  fill({ prompt, mode, modes, verifiers, labels, max_tokens, source }, anew) {
    if (anew) {
      this.prompt.value = prompt;
      this.tokens.value = max_tokens;
    }
    this.mode.replaceChildren(...modes.map(({ value, name }) => el("option", { value }, name)));
    this.mode.value = mode;
    const chosen = this.setting.value;
    const there = meaningful(mode).filter(([key]) => key !== "verifier" || verifiers.length > 1);
    this.setting.replaceChildren(...there.map(([value, name]) => el("option", { value }, name)));
    if (there.some(([key]) => key === chosen)) this.setting.value = chosen;
    this.verifiers.replaceChildren(this.verifiers.firstChild, ...verifiers.map(({ value, name }) => el("label.check", {}, el("input", { type: "checkbox", value, checked: true }), name)));
    setText(this.source, `Everything else as in ${source}:`);
    this.labels.replaceChildren(...labels.map((label) => el("span.chip", {}, label)));
    this.offer();
  }

  /** Values for the chosen setting. */
  offer() {
    const [key, , values, range] = SETTINGS.find(([name]) => name === this.setting.value) ?? SETTINGS[0];
    show(this.verifiers, key === "verifier");
    show(this.valuesField, key !== "verifier");
    show(this.repeatsField, key !== "seed");
    const scored = key === "threshold" && this.mode.value === "specreason";
    if (this.offered !== `${key} ${scored}`) this.values.value = scored ? SCORES[0] : values;
    this.offered = `${key} ${scored}`;
    setText(this.hint, scored ? SCORES[1] : range);
  }

  /** The values as the server takes them; throws with a sentence where one is no number. */
  wanted() {
    if (this.setting.value === "verifier") return [...this.verifiers.querySelectorAll("input:checked")].map((input) => input.value);
    return this.values.value.split(/[,;\s]+/).filter(Boolean).map((text) => {
      const value = Number(text);
      if (!Number.isFinite(value)) throw new Error(`“${text.slice(0, 40)}” is no number. Write the values with commas between them, as in 1, 2, 3`);
      return value;
    });
  }

  async submit(event) {
    event.preventDefault();
    this.say("");
    this.button.disabled = true;
    try {
      const { id } = await postJson("explore/sweeps", {
        prompt: this.prompt.value, source: this.from || null, mode: this.mode.value,
        max_tokens: Number(this.tokens.value), setting: this.setting.value, values: this.wanted(),
        repeats: this.setting.value === "seed" ? 1 : Number(this.repeats.value),
      });
      this.started(id);
    } catch (error) {
      this.say(`Not started: ${error.message}`);
    }
    this.button.disabled = false;
  }

  say(text) {
    setText(this.problem, text);
    show(this.problem, text !== "");
  }
}

const field = (label, input, ...more) => el("div.field", {}, el("label", { for: input.id }, label), input, ...more);
