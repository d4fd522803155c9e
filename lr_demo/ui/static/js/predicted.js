// What the cost model expects of a run, beside what was measured: one sentence, where a probe of the profile exists.

import { el, setText, show } from "./dom.js";
import { factor, moment, rate } from "./format.js";
import { getJson } from "./transport.js";

export class Predicted {
  constructor() {
    this.node = el("p.predicted", { hidden: true });
    this.asked = "";
  }

  clear() {
    this.asked = "";
    show(this.node, false);
  }

  /** @param measured tokens per second of the run, once it has finished; else NaN */
  async tell(id, measured = NaN) {
    this.asked = id;
    try {
      const said = await getJson(`races/${encodeURIComponent(id)}/prediction`);
      if (this.asked !== id) return;
      setText(this.node, said ? sentence(said, measured) : "");
      show(this.node, Boolean(said));
    } catch {
      // the page goes on without it
    }
  }
}

function sentence(said, measured) {
  const parts = [`Predicted: ${rate(said.tokens_per_s)} tokens/s, ${factor(said.speedup)} plain decoding`];
  if (Number.isFinite(measured)) {
    parts.push(`; ${said.probed_at ? "measured" : "simulated"}: ${rate(measured)} tokens/s (${factor(measured / said.tokens_per_s)} what was predicted`);
    parts.push(said.hindsight ? `; with the acceptance and steps of this very run ${rate(said.hindsight)} were to be expected)` : ")");
  }
  parts.push(`. It is held back most by ${said.bottleneck}.`);
  if (said.best_gain > 1.03) parts.push(` Best is expected of ${said.best}: ${factor(said.best_speedup)}.`);
  parts.push(` From ${said.probed_at ? `${said.simulated ? "simulated " : ""}costs probed ${moment(said.probed_at)}` : "the stated costs"}; acceptance ${said.acceptance_source}.`);
  return parts.join("");
}
