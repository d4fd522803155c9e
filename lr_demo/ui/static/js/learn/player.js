// Steps through a run that ships: folds its events up to a stage, and says what is to be seen there.

import { el, setText, show } from "../dom.js";
import { expected } from "../expected.js";
import { count, factor, rate, seconds } from "../format.js";
import { bar, showBar } from "../simulated.js";
import { getJson } from "../transport.js";
import { heading } from "./heading.js";
import { Predictions } from "./predictions.js";
import { Scene } from "./scene.js";
import { SpeedGuess } from "./speedguess.js";

const KINDS = [
  ["drafting", "drafting"],
  ["expansion", "expansion"],
  ["verdict", "verdict"],
  ["outcome", "accept or correct"],
  ["window", "the window slides"],
];
const TITLES = {
  problem: "the problem", drafting: "drafting", expansion: "expansion", prediction: "your prediction", verdict: "verdict",
  pass: "a pass", outcome: "accept or correct", window: "the window", role: "a role is away", speedup: "your prediction", end: "the end",
};
const MADE_UP = "No model wrote this text and no machine took these times: both were made up for this lesson.";
const DAY = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

const dayOf = (iso) => (Number.isNaN(Date.parse(iso)) ? "an unknown day" : DAY.format(new Date(iso)));

/** A button with a hint. */
const button = (kind, text, hint, onclick) => el(`button.${kind}`, { type: "button", title: hint, onclick }, text);

export class Player {
  constructor() {
    this.lesson = null;
    this.at = 0;
    this.scene = new Scene();
    this.predictions = new Predictions((accepted) => this.guess(accepted));
    this.speedGuess = new SpeedGuess(() => this.guessed());
    this.formula = el("p.computed", { hidden: true });
    this.choices = new Map();
    this.picker = el("div.picker", { role: "group", "aria-label": "Runs" });
    this.badge = el("span.chip.origin");
    this.banner = bar(MADE_UP);
    this.about = el("p.simulation-about.bare", { hidden: true }, el("span.plain", {}, MADE_UP));
    this.problem = el("p.problem");
    this.chips = el("div.chips");
    this.failure = el("p.notice", { role: "alert", "data-look": "error", hidden: true });
    this.first = button("quiet", "« cycle", "Back to the start of the cycle", () => this.jump(-1));
    this.back = button("quiet", "← back", "Back one stage (left arrow key)", () => this.move(-1));
    this.next = button("strong.next", "next →", "On to the next stage (right arrow key)", () => this.move(1));
    this.last = button("quiet", "cycle »", "On to the next cycle", () => this.jump(1));
    this.place = el("span.place");
    this.score = el("span.score");
    this.fill = el("div.fill");
    this.strip = el("ol.strip", { "aria-label": "Stages of a cycle" }, ...KINDS.map(([kind, name]) => el("li", { "data-kind": kind }, name)));
    this.announcer = el("p.sr", { "aria-live": "polite" });
    this.node = el(
      "section.part", { "aria-label": "Guided tour" },
      heading("Watch a run, one stage at a time", "Real runs of this program, as they were recorded. Step through with the buttons or the arrow keys; before each verdict, say what it will be."),
      this.picker,
      el(
        "div.panel.player", {},
        this.banner, this.about,
        el("div.row", {}, this.problem, this.badge), this.chips, this.failure,
        el("div.controls", {}, this.first, this.back, this.next, this.last, this.place, el("span.push"), this.score),
        el("div.track", { "aria-hidden": "true" }, this.fill), this.strip,
        this.scene.node,
      ),
      this.announcer,
    );
  }

  /** Lists the lessons and opens the one that the address names, or the first. */
  async begin() {
    try {
      const lessons = await getJson("learn/lessons");
      const asked = new URLSearchParams(location.search);
      for (const [group, title] of [["tour", "Guided tour"], ["failure", "When it goes wrong"]]) {
        const buttons = lessons.filter((lesson) => lesson.group === group).map((lesson) => this.choice(lesson));
        this.picker.append(el("div.group", {}, el("h3", {}, title), el("div.choices", {}, ...buttons)));
      }
      const chosen = this.choices.has(asked.get("lesson")) ? asked.get("lesson") : lessons[0].key;
      await this.open(chosen, Number(asked.get("stage")) - 1 || 0);
    } catch {
      this.fail("The lessons cannot be loaded: reload the page when the server is back.");
    }
  }

  choice({ key, title, intro }) {
    const node = el("button.choice", { type: "button", "aria-pressed": "false", onclick: () => this.open(key) }, el("b", {}, title), el("span.hint", {}, intro));
    this.choices.set(key, node);
    return node;
  }

  async open(key, at = 0) {
    this.asked = key;
    const answer = await getJson(`learn/lessons/${encodeURIComponent(key)}`).catch(() => null);
    if (this.asked !== key) return;
    if (!answer) {
      this.fail("This run cannot be loaded: reload the page when the server is back.");
      return;
    }
    show(this.failure, false);
    for (const [name, node] of this.choices) node.setAttribute("aria-pressed", String(name === key));
    this.lesson = answer.lesson;
    this.predictions.reset();
    this.speedGuess.reset();
    show(this.strip, this.lesson.stages.some(({ kind }) => kind === "verdict"));
    this.scene.open(answer.events);
    this.describe();
    this.show(Math.max(0, Math.min(at, this.lesson.stages.length - 1)));
  }

  describe() {
    const { prompt, labels, models, started_at, hardware, simulated } = this.lesson;
    setText(this.problem, prompt);
    const where = `${dayOf(started_at)} · ${hardware}`;
    setText(this.badge, simulated ? `◇ SIMULATED · ${where}` : `◷ recorded on ${where}`);
    this.badge.dataset.look = simulated ? "simulated" : "recorded";
    showBar(this.banner, simulated);
    show(this.about, simulated);
    const played = Object.entries(models).map(([role, model]) => `${role} ${model}`);
    this.chips.replaceChildren(...[...played, ...labels].map((label) => el("span.chip", {}, label)));
  }

  fail(text) {
    setText(this.failure, text);
    show(this.failure, true);
  }

  /** By a number of stages. */
  move(by) {
    const to = this.at + by;
    if (this.lesson && to >= 0 && to < this.lesson.stages.length) this.show(to);
  }

  /** To the first stage of a cycle: of this one or the one before, or of the next. */
  jump(direction) {
    if (!this.lesson) return;
    const { stages } = this.lesson;
    const starts = stages.map((stage, i) => i).filter((i) => i === 0 || stages[i].cycle !== stages[i - 1].cycle);
    const to = direction > 0 ? starts.find((i) => i > this.at) : starts.filter((i) => i < this.at).pop();
    if (to !== undefined) this.show(to);
  }

  guess(accepted) {
    this.predictions.guess(this.at, accepted, this.lesson.stages[this.at].accepted);
    this.onward();
  }

  guessed() {
    this.predictions.guess(this.at, true, this.speedGuess.right(this.speedup));
    this.onward();
  }

  /** After a guess: what it was about. */
  onward() {
    this.next.focus({ preventScroll: true });
    this.move(1);
  }

  show(at) {
    this.at = at;
    const { stages } = this.lesson;
    const stage = stages[at];
    this.scene.show(stage, () => this.callout(stage));
    const cycles = stages[stages.length - 1].cycle + 1;
    setText(this.place, `stage ${at + 1} of ${stages.length} · cycle ${stage.cycle + 1} of ${cycles}`);
    setText(this.score, this.predictions.score);
    this.fill.style.transform = `scaleX(${((at + 1) / stages.length).toFixed(4)})`;
    this.back.disabled = this.first.disabled = at === 0;
    this.next.disabled = at === stages.length - 1;
    this.last.disabled = stages[stages.length - 1].cycle === stage.cycle;
    const kind = stage.kind === "prediction" ? "verdict" : stage.kind;
    for (const item of this.strip.children) {
      if (item.dataset.kind === kind) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
    setText(this.announcer, `${this.titleOf(stage)}. ${stage.text} ${stage.note}`);
    const address = new URL(location.href);
    address.searchParams.set("lesson", this.lesson.key);
    address.searchParams.set("stage", String(at + 1));
    history.replaceState(history.state, "", address);
  }

  /** What a stage is about; without verdicts, nothing is accepted or corrected. */
  titleOf({ kind }) {
    return kind === "outcome" && this.strip.hidden ? "a step is complete" : TITLES[kind];
  }

  /** What is said at a stage; stands next to what it is about. */
  callout(stage) {
    const node = el("aside.callout", { "data-kind": stage.kind }, el("b.kind", {}, this.titleOf(stage)), el("p", {}, stage.text));
    if (stage.kind === "prediction") node.append(this.predictions.question(this.at));
    if (stage.kind === "verdict") {
      const judged = this.predictions.judged(this.at - 1);
      if (judged) node.append(judged);
    }
    if (stage.kind === "speedup") {
      node.append(this.speedGuess.question());
      this.tellTheory(); // asked for early, to be there when it is wanted
    }
    if (stage.kind === "end" && this.lesson.alone) {
      const judged = this.speedGuess.judged(this.speedup);
      if (judged) node.append(judged);
      node.append(el("p", {}, this.compared()), this.formula);
      this.tellTheory();
    }
    if (stage.note) node.append(el("p.aside", {}, stage.note));
    return node;
  }

  /** The run's tokens per second over those of the target's plain run, both as recorded. */
  get speedup() {
    const { alone } = this.lesson;
    const { state } = this.scene.lane;
    return state.tokens / state.t / (alone.tokens / alone.seconds);
  }

  /** The run against the target's plain run of the same prompt. */
  compared() {
    const { alone } = this.lesson;
    return `The target alone: ${count(alone.tokens, "token")} in ${seconds(alone.seconds)}, ${rate(alone.tokens / alone.seconds)} tokens/s, recorded on ${dayOf(alone.started_at)} on the same machine. So this run has ${factor(this.speedup)} its speed.`;
  }

  /** What the formula expects of the run, as soon as the server has computed it. */
  tellTheory() {
    const answer = expected({ run: this.scene.lane, wake: () => this.tellTheory() });
    show(this.formula, Boolean(answer));
    if (answer) setText(this.formula, `Computed, not measured: the formula expects ${factor(answer.speedup)}, as ${answer.how}. What it leaves out is listed below.`);
  }
}
