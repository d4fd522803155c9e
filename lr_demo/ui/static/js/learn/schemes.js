// What-if: the reader's own speeds, and what each scheme comes to with them.

import { el, setText } from "../dom.js";
import { factor, rate, seconds } from "../format.js";

const FIELDS = {
  rate: { name: "target alone, tokens/s", value: 76.4, min: 0.1, max: 100000, step: "any" },
  draft: { name: "draft, ms per token", value: 2.6, min: 0.01, max: 100000, step: "any" },
  answer: { name: "answer, tokens", value: 4000, min: 1, max: 1000000, step: 1 },
};
const COLUMNS = ["scheme", "speedup", "tokens/s", "time", "sequences"];

export class Schemes {
  /** @param {(cost: number | null) => void} changed called with c₁ where it follows from the fields */
  constructor(changed) {
    this.fields = new Map();
    const inputs = Object.entries(FIELDS).map(([key, { name, ...limits }]) => {
      const input = el("input", { type: "number", inputmode: "decimal", ...limits, "aria-label": name });
      input.addEventListener("input", () => input.validity.valid && input.value !== "" && changed(key === "answer" ? null : this.cost()));
      this.fields.set(key, input);
      return el("label", {}, el("span", {}, name), input);
    });
    this.rows = [];
    this.body = el("tbody");
    this.node = el(
      "section.panel.figure.whatif", {}, el("b", {}, "With your own numbers"),
      el("p.hint", {}, "c₁ is the draft’s time per token over the target’s, and follows from the two speeds. 76.4 tokens/s: a 32B target on 4×H200, published (the authors’ rerun)."),
      el("div.fields", {}, ...inputs),
      el("div.scroller", { tabindex: "0", role: "region", "aria-label": "The schemes in numbers" }, el("table", {}, el("thead", {}, el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, name)))), this.body)),
    );
  }

  value(key) {
    const { value, validity } = this.fields.get(key);
    return validity.valid && value !== "" ? Number(value) : FIELDS[key].value;
  }

  cost() {
    return Math.min(1.5, Math.max(0.02, (this.value("draft") * this.value("rate")) / 1000));
  }

  /** The draft's time, where c₁ was moved. */
  follow(cost) {
    this.fields.get("draft").value = ((1000 * cost) / this.value("rate")).toFixed(2);
  }

  query() {
    return { rate: this.value("rate"), answer: Math.round(this.value("answer")) };
  }

  show({ schemes }) {
    while (this.rows.length < schemes.length) {
      const cells = COLUMNS.map((_, i) => el(i ? "td" : "th", i ? {} : { scope: "row" }));
      const row = el("tr", {}, ...cells);
      this.rows.push({ row, cells });
      this.body.append(row);
    }
    schemes.forEach(({ scheme, how, speedup, tokens_per_s, seconds: time, sequences, fits }, i) => {
      const { row, cells } = this.rows[i];
      row.dataset.scheme = scheme;
      row.dataset.fits = String(fits);
      const texts = [how ? `${scheme} · ${how}` : scheme, factor(speedup), rate(tokens_per_s), seconds(time), `${sequences}${fits ? "" : " · over budget"}`];
      texts.forEach((text, at) => setText(cells[at], text));
    });
  }
}
