// The theory: sliders, five figures that the server draws for them, and the reader's own speeds.

import { el, setText, show } from "../dom.js";
import { loadPlotly, react } from "../plot.js";
import { appendRich } from "../rich.js";
import { onThemeChange } from "../theme.js";
import { getJson } from "../transport.js";
import { heading } from "./heading.js";
import { Schemes } from "./schemes.js";
import { FIGURES, FORMULAS, LEFT_OUT, SLIDERS } from "./texts.js";

class Slider {
  constructor({ key, symbol, name, min, max, step, value }, changed) {
    this.key = key;
    this.digits = step < 0.01 ? 3 : step < 1 ? 2 : 0;
    this.input = el("input", { type: "range", min, max, step, value, "aria-label": `${symbol}, ${name}` });
    this.output = el("output.value");
    this.input.addEventListener("input", () => {
      this.say();
      changed(key);
    });
    this.node = el("label.slider", {}, el("span.what", {}, el("b", {}, symbol), ` ${name}`), this.output, this.input);
    this.say();
  }

  get value() {
    return Number(this.input.value);
  }

  set value(value) {
    this.input.value = String(value);
    this.say();
  }

  say() {
    setText(this.output, this.value.toFixed(this.digits));
  }
}

export class Theory {
  constructor() {
    this.busy = false;
    this.again = false;
    this.sliders = new Map();
    this.plots = new Map();
    this.schemes = new Schemes((cost) => this.cost(cost));
    this.failure = el("p.notice", { role: "status", "data-look": "warn", hidden: true });
    this.node = el(
      "section.part", { "aria-label": "Theory", id: "ll-theory" },
      heading("The arithmetic of it", "What the formulas of lookahead reasoning (arXiv 2506.19830, section 4) say for any draft and any target. Computed, not measured."),
      this.failure,
      el("div.theory", {}, this.controls(), el("div.figures", {}, ...FIGURES.map((figure) => this.figure(figure)), this.schemes.node)),
      el("div.texts", {}, texts("The formulas", FORMULAS), texts("What they leave out", LEFT_OUT)),
    );
    loadPlotly().then(
      (Plotly) => {
        this.Plotly = Plotly;
        this.ask();
      },
      (error) => this.say(error.message),
    );
    onThemeChange(() => this.ask());
  }

  controls() {
    const groups = Object.entries(SLIDERS).map(([title, sliders]) => {
      const nodes = sliders.map((slider) => {
        const made = new Slider(slider, (key) => this.changed(key));
        this.sliders.set(made.key, made);
        return made.node;
      });
      return el("fieldset", {}, el("legend", {}, title), ...nodes);
    });
    this.schedules = ["async", "sync"].map((value, i) => el("input", { type: "radio", name: "ll-schedule", value, checked: i === 0, onchange: () => this.ask() }));
    const names = ["asynchronous", "synchronous"];
    const schedule = el("fieldset.schedule", {}, el("legend", {}, "Schedule"), ...this.schedules.map((input, i) => el("label", {}, input, names[i])));
    return el("form.panel.sliders", { onsubmit: (event) => event.preventDefault() }, ...groups, schedule, el("p.hint", {}, "The starting values are an example, not a measurement."));
  }

  figure({ key, title, hint, source }) {
    const plot = el("div.plot", { role: "img", "aria-label": title });
    this.plots.set(key, plot);
    return el("section.panel.figure", {}, el("b", {}, title), el("p.hint", {}, hint), el("div.plotbox", {}, plot), source ? el("p.hint.source", {}, source) : null);
  }

  changed(key) {
    if (key === "cost1") this.schemes.follow(this.sliders.get("cost1").value);
    this.ask();
  }

  /** c₁ as the reader's own speeds have it. */
  cost(cost) {
    if (cost !== null) this.sliders.get("cost1").value = cost;
    this.ask();
  }

  query() {
    const values = Object.fromEntries([...this.sliders].map(([key, slider]) => [key, slider.value]));
    const schedule = this.schedules.find((input) => input.checked)?.value ?? "async";
    return new URLSearchParams({ ...values, ...this.schemes.query(), schedule, dark: document.body.classList.contains("dark") });
  }

  /** Asks for the figures of the present numbers. One request at a time; the last numbers win. */
  async ask() {
    if (!this.Plotly) return;
    this.again = this.busy;
    if (this.busy) return;
    this.busy = true;
    try {
      const answer = await getJson(`learn/theory?${this.query()}`);
      this.schemes.show(answer.view);
      for (const [key, plot] of this.plots) react(this.Plotly, plot, answer.figures[key].data, answer.figures[key].layout);
      this.say("");
    } catch {
      this.say("The figures cannot be computed just now; they follow when the server is back.");
    }
    this.busy = false;
    if (this.again) this.ask();
  }

  say(text) {
    setText(this.failure, text);
    show(this.failure, text !== "");
  }
}

function texts(title, lines) {
  const items = lines.map((line) => {
    const item = el("li.words", { tabindex: "0" }); // a wide formula scrolls, by keyboard too
    appendRich(item, line);
    return item;
  });
  return el("section.panel", {}, el("b", {}, title), el("ul", {}, ...items));
}
