// What the history is searched for: words of the prompt, and a choice for each kind of filter.

import { el } from "../dom.js";
import { MODES } from "../format.js";
import { ORIGINS, STATUSES } from "./words.js";

const PAUSE = 250; // ms after the last key before the history is searched

export class Filters {
  /** @param {() => void} changed */
  constructor(changed) {
    let timer = 0;
    this.words = el("input", { type: "search", id: "ll-words", placeholder: "words of the problem", maxlength: 200 });
    this.words.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(changed, PAUSE);
    });
    const choice = (label) => el("select", { "aria-label": label, onchange: changed });
    this.selects = {
      mode: choice("Mode"),
      profile: choice("Profile"),
      status: choice("Status"),
      origin: choice("Where its figures come from"),
      correct: choice("Answer"),
    };
    options(this.selects.status, "any status", Object.entries(STATUSES));
    options(this.selects.origin, "any source", Object.entries(ORIGINS).map(([key, [, word]]) => [key, word]));
    options(this.selects.correct, "any answer", [["true", "correct answer"], ["false", "wrong answer"]]);
    this.offer({ modes: [], profiles: [] });
    this.clear = el("button.quiet", { type: "button", onclick: () => { this.reset(); changed(); } }, "Clear");
    this.node = el("form.filters", { role: "search", "aria-label": "Runs", onsubmit: (event) => event.preventDefault() },
      el("label.words-label", { for: "ll-words" }, "Search"), this.words, ...Object.values(this.selects), this.clear);
  }

  /** The modes and profiles there are. */
  offer({ modes, profiles }) {
    options(this.selects.mode, "any mode", modes.map((mode) => [mode, MODES[mode]?.short ?? mode]));
    options(this.selects.profile, "any profile", profiles.map((profile) => [profile, profile]));
  }

  reset() {
    this.words.value = "";
    for (const select of Object.values(this.selects)) select.value = "";
  }

  get active() {
    return Boolean(this.words.value.trim()) || Object.values(this.selects).some((select) => select.value);
  }

  query() {
    const query = new URLSearchParams();
    if (this.words.value.trim()) query.set("words", this.words.value.trim());
    for (const [name, select] of Object.entries(this.selects)) if (select.value) query.set(name, select.value);
    return query;
  }
}

/** Fills a choice where it has other options; what was chosen stays chosen. */
function options(select, any, pairs) {
  const key = JSON.stringify(pairs);
  if (select.dataset.options === key) return;
  select.dataset.options = key;
  const chosen = select.value;
  select.replaceChildren(el("option", { value: "" }, any), ...pairs.map(([value, name]) => el("option", { value }, name)));
  select.value = pairs.some(([value]) => value === chosen) ? chosen : "";
}
