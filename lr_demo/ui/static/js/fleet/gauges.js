// Figures of a server as cells of fixed places, and its GPUs as bars.

import { el, setText, show } from "../dom.js";
import { gibibytes, NONE, perSecond, share, tokensAPass, watts, whole } from "./words.js";

/** A figure with its name above, its unit behind, and what belongs to it beneath. */
class Cell {
  constructor(name, unit, hint) {
    this.value = el("span.value", {}, NONE);
    this.unit = el("span.unit", {}, unit);
    this.beneath = el("span.beneath", {}, "\u00a0");
    this.node = el("div.cell", { title: hint }, el("dt", {}, name), el("dd", {}, this.value, " ", this.unit, this.beneath));
  }

  set(value, beneath = "") {
    setText(this.value, value);
    this.node.classList.toggle("none", value === NONE);
    setText(this.beneath, beneath || "\u00a0");
  }
}

export class Gauges {
  constructor() {
    this.requests = new Cell("Requests", "running", "Requests being worked on, and those that wait for room");
    this.prompts = new Cell("Prompts read", "tokens/s", "Tokens of prompts, those from the prefix cache among them");
    this.cache = new Cell("KV cache", "% in use", "Share of the KV cache that requests take");
    this.hits = new Cell("Prefix-cache hits", "%", "Share of the prompts’ tokens of the last minute that did not have to be read again");
    this.accepted = new Cell("Proposals accepted", "%", "Token-level speculation: share of the tokens proposed in the last minute that were accepted");
    this.length = new Cell("Mean accepted length", "tokens", "Token-level speculation: tokens a pass of the target yields, its own one among them, in the last minute");
    const cells = [this.requests, this.prompts, this.cache, this.hits, this.accepted, this.length];
    this.node = el("dl.cells", {}, ...cells.map((cell) => cell.node));
  }

  /** @param {object | null} figures what the server counts; null where it tells nothing now */
  set(figures, server) {
    const speculation = figures?.speculation;
    this.requests.set(whole(figures?.running), figures ? `${whole(figures.waiting)} waiting` : "");
    this.prompts.set(perSecond(figures?.prompt_tokens_per_s));
    this.cache.set(share(figures?.kv_cache), figures && figures.kv_cache === null ? "not told by this engine" : "");
    this.hits.set(share(figures?.hit_rate_lately), sinceStart(share(figures?.hit_rate), " %"));
    const proposed = speculation?.proposed ?? 0;
    const none = figures && !proposed ? (server.speculation ? "none proposed yet" : "no speculation") : "";
    this.accepted.set(share(speculation?.acceptance_lately), proposed ? `${whole(speculation.accepted)} of ${whole(proposed)} so far` : none);
    this.length.set(tokensAPass(speculation?.length_lately), sinceStart(tokensAPass(speculation?.length), "") || (server.speculation ?? ""));
  }
}

const sinceStart = (text, unit) => (text === NONE ? "" : `${text}${unit} since start`);

/** One GPU: how full, how much power, how busy. */
class Gpu {
  constructor() {
    this.name = el("span.name");
    this.fill = el("div.fill");
    this.memory = el("span.figure");
    this.power = el("span.figure");
    this.busy = el("span.figure");
    this.node = el(
      "div.gpu", {}, this.name,
      el("div.meter", { "aria-hidden": "true" }, this.fill),
      el("div.figures", {}, this.memory, this.power, this.busy),
    );
  }

  set(gpu, index) {
    setText(this.name, gpu ? `GPU ${index} · ${gpu.name}` : `GPU ${index}`);
    setText(this.memory, gpu ? `${gibibytes(gpu.memory_used)} of ${gibibytes(gpu.memory_total)} GiB` : `${NONE} GiB`);
    setText(this.power, `${watts(gpu?.power_w)} W`);
    setText(this.busy, `${share(gpu?.utilisation)} % busy`);
    this.fill.style.transform = `scaleX(${gpu ? gpu.memory_used / gpu.memory_total : 0})`;
  }
}

export class Gpus {
  constructor() {
    this.shown = [];
    this.node = el("div.gpus", { hidden: true });
  }

  /** @param {number[]} indices the server's @param {object[]} all readings of every GPU */
  set(indices, all) {
    show(this.node, indices.length > 0);
    if (this.shown.length !== indices.length) {
      this.shown = indices.map(() => new Gpu());
      this.node.replaceChildren(...this.shown.map((gpu) => gpu.node));
    }
    indices.forEach((index, i) => this.shown[i].set(all.find((gpu) => gpu.index === index), index));
  }
}
