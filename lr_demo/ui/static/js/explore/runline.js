// A run as a line of the history.

import { el } from "../dom.js";
import { factor, MODES, percent, rate, seconds } from "../format.js";
import { liveAddress } from "./address.js";
import { share } from "./share.js";
import { modelsInWords, originChip, source, when } from "./words.js";

export const COLUMNS = ["Compare", "Run", "tokens/s", "speedup", "accepted", "answer", "when, on what", "Actions"];

/**
 * @param {{chosen: boolean, choose: (on: boolean) => void, sweep: () => void}} acts
 */
export function runLine(run, { chosen, choose, sweep }) {
  const title = source(run);
  const about = run.prompt.slice(0, 60);
  const pick = el("input", { type: "checkbox", checked: chosen, "aria-label": `Choose for comparison: ${name(run)}, ${about}` });
  pick.addEventListener("change", () => choose(pick.checked));
  const shares = el("button.quiet", { type: "button", "aria-label": `Share the run: ${about}`, onclick: () => share(run) }, "Share…");
  const sweeps = el("button.quiet", { type: "button", "aria-label": `Sweep a setting of the run: ${about}`, onclick: sweep }, "Sweep…");
  const figure = (label, text, beneath) => el("td.num", { "data-label": label, title: text === "–" ? null : title }, el("span.value", {}, text), beneath ? el("span.beneath", {}, beneath) : null);
  const known = run.tokens !== null;
  const node = el("tr", { "data-run": run.id },
    el("td.pick", {}, pick),
    el("td.what", {},
      el("a.prompt", { href: liveAddress(run.id), title: run.prompt.slice(0, 500) }, run.prompt),
      el("span.meta", {}, el("b", {}, name(run)), statusChip(run), originChip(run.origin), run.imported ? el("span.chip", { title: "A trace that somebody else made; never a baseline here." }, "imported") : null, el("span.models", {}, modelsInWords(run.models)))),
    figure("tokens/s", run.tokens_per_s === null ? "–" : rate(run.tokens_per_s), known && run.tokens ? `${run.tokens.toLocaleString("en")} in ${seconds(run.seconds)}` : null),
    figure("speedup", run.speedup === null ? "–" : factor(run.speedup), run.speedup === null ? null : "over AR"),
    figure("accepted", run.acceptance === null ? "–" : percent(run.acceptance), run.acceptance === null ? null : "of steps"),
    el("td.answer", { "data-label": "answer", "data-correct": String(run.correct) }, run.correct === null ? "–" : run.correct ? "✓ correct" : "✗ wrong"),
    el("td.when", { "data-label": "when" }, el("span", {}, when(run.began)), el("span.beneath", { title: run.hardware }, run.hardware || "hardware unknown")),
    el("td.acts", {}, el("div.row", {}, shares, sweeps)));
  return { node, pick };
}

export const name = (run) => MODES[run.mode]?.short ?? run.mode;

function statusChip(run) {
  if (run.status === "finished") return run.concurrent ? el("span.chip", { title: "Other runs used the same servers meanwhile: its speed is not that of a run alone." }, "beside other runs") : null;
  return el("span.chip", { "data-look": run.status === "running" ? "live" : "bad", title: run.reason || null }, run.status);
}
