// The addresses of a server that runs already at several: each with its own state, and what it tells.

import { el, setText, show } from "../dom.js";
import { NONE, perSecond, STATES, whole } from "./words.js";

const FAILING = { icon: "✗", word: "failing", look: "bad" };

/** One address. */
class Address {
  constructor() {
    this.icon = el("span.icon", { "aria-hidden": "true" });
    this.word = el("span.word");
    this.name = el("span.name");
    this.figures = el("span.figure");
    this.problem = el("p.problem");
    this.node = el("li.address", {}, el("span.state", {}, this.icon, this.word), this.name, this.figures, this.problem);
  }

  /** @param {object} told what it was when it was connected @param {object | undefined} reading what it tells now */
  set(told, reading) {
    const fails = told.state === "failed" || reading?.answers === false;
    const state = fails ? FAILING : STATES[told.state];
    const problem = told.problem ?? reading?.problem ?? "";
    this.node.dataset.look = state.look;
    setText(this.icon, state.icon);
    setText(this.word, state.word);
    setText(this.name, told.address);
    const speed = perSecond(reading?.tokens_per_s);
    const requests = reading?.running == null ? "" : ` · ${whole(reading.running)} running, ${whole(reading.waiting)} waiting`;
    setText(this.figures, fails || !reading ? NONE : `${speed} tokens/s${requests}`);
    setText(this.problem, problem);
    show(this.problem, problem !== "");
  }
}

export class Addresses {
  constructor() {
    this.shown = [];
    this.list = el("ul.list", { "aria-label": "Addresses" });
    this.sum = el("p.sum");
    this.node = el("div.addresses", { hidden: true }, this.list, this.sum);
  }

  /** @param {object[]} addresses the server's @param {object | null} reading what the server tells; null: nothing now */
  set(addresses, reading) {
    show(this.node, addresses.length > 0);
    if (this.shown.length !== addresses.length) {
      this.shown = addresses.map(() => new Address());
      this.list.replaceChildren(...this.shown.map((address) => address.node));
    }
    const readings = reading?.addresses ?? [];
    addresses.forEach((told, i) => this.shown[i].set(told, readings.find(({ address }) => address === told.address)));
    const telling = readings.filter(({ running }) => running !== null).length;
    setText(this.sum, telling ? `Figures: the sum over ${telling} of ${addresses.length} addresses; of the KV cache, the mean.` : "\u00a0");
  }
}
