// Token-level speculation inside a step: what each pass of the model wrote, as far as its server tells.

import { el, setText, show } from "./dom.js";
import { count } from "./format.js";
import { layout, react } from "./plot.js";
import { originLine } from "./provenance.js";

const ABOUT = "Each block is a pass of the target: its last cell is the target’s own token, those before it are proposals that it confirmed.";

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

/** Tokens of each pass of a step; null where not all of them are told. */
const passesOf = (step) => (step?.passes.length && sum(step.passes) === step.tokens ? step.passes : null);

/** The passes of a step as a row of blocks, a cell a token, which grows with the step. */
export class PassStrip {
  constructor() {
    this.blocks = el("div.blocks", { "aria-hidden": "true" });
    this.words = el("span.label");
    this.node = el("div.passes", { title: ABOUT, hidden: true }, this.blocks, this.words);
    this.step = null;
    this.shown = 0;
  }

  update(step) {
    if (step !== this.step) {
      this.step = step;
      this.shown = 0;
      this.blocks.replaceChildren();
    }
    const passes = passesOf(step);
    show(this.node, passes !== null);
    if (passes === null || passes.length === this.shown) return;
    for (const tokens of passes.slice(this.shown)) {
      const block = el("i");
      block.style.setProperty("--tokens", tokens);
      this.blocks.append(block);
    }
    this.shown = passes.length;
    setText(this.words, inWords(step.tokens, passes.length));
  }
}

const inWords = (tokens, passes) => `target: ${count(tokens, "token")} in ${count(passes, "pass", "passes")}`;

/** What a pass came to in the target's step of a position in the answer; null where that is not told. */
function inside(position) {
  const passes = passesOf(position?.target);
  return passes && { tokens: position.target.tokens, passes: passes.length, mean: position.target.tokens / passes.length };
}

/** Where a position stands on the chart. */
export function spotOfPasses(race, id) {
  const position = race.run.state.positions.get(id);
  const found = position?.committed ? inside(position) : null;
  return found && { x: position.committed.index + 1, y: found.mean };
}

export function drawPasses(Plotly, node, race, palette, chart) {
  const { state } = race.run;
  const steps = state.answer.map((position, i) => ({ step: i + 1, ...inside(position) })).filter(({ mean }) => mean);
  if (!steps.length) {
    if (!state.started) return "Nothing has run yet.";
    if (!state.started.speculation) return "No token-level speculation in this run.";
    return state.finished ? "The target’s server does not tell what each pass wrote." : "No step of the answer yet.";
  }
  const mean = sum(steps.map(({ tokens }) => tokens)) / sum(steps.map(({ passes }) => passes));
  const trace = {
    type: "bar", x: steps.map(({ step }) => step), y: steps.map((each) => each.mean), marker: { color: palette.target },
    customdata: steps.map(({ step, tokens, passes }) => `step ${step}, ${inWords(tokens, passes)}`),
    hovertemplate: `%{customdata}: %{y:.2f} a pass${originLine(race, "step_delta")}<extra></extra>`,
  };
  chart.says = `${mean.toFixed(2)} tokens a pass on average over ${count(steps.length, "step")}`;
  react(Plotly, node, [trace], layout(palette, {
    annotations: [{ x: 1, xref: "paper", xanchor: "right", y: mean, yanchor: "bottom", text: `mean ${mean.toFixed(2)}`, showarrow: false, bgcolor: palette.panel, font: { size: 12, color: palette.ink } }],
    shapes: [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: mean, y1: mean, line: { color: palette.ink, width: 1.5, dash: "dot" } }],
    xaxis: { title: { text: "step of the answer" }, showgrid: false, range: [0.4, Math.max(3.6, state.answer.length + 0.6)] },
    yaxis: { rangemode: "tozero" },
  }));
  return "";
}
