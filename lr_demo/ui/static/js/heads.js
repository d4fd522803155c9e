// The heads of a race's lanes: figures, chips and servers at the moment that is shown.

import { chip } from "./chips.js";
import { speedOf } from "./figures.js";
import { percent } from "./format.js";

export function showHeads(race) {
  const { sides, reference } = race;
  const rate = race.baselineRate();
  const tokens = reference?.queue.total?.tokens ?? Infinity;
  const detailed = sides.some((side) => side.info.mode !== "autoregressive");
  for (const side of sides) {
    const { head, lane, state } = side;
    const figures = speedOf(lane, race.timeOf(side));
    head.figures({ ...figures, note: state.started && !side.done ? cycleNote(lane) : "" });
    head.chip(...chip(side, race.beside(side), { ghost: race.isGhost(side), replaying: race.clock !== null, lanes: sides.length }));
    if (side === reference) head.progress(state.written.target / tokens);
    else {
      head.compare(figures.speed / rate, state.status === "finished");
      head.progress(side.done ? 1 : state.tokens / Math.max(tokens, 1));
    }
    head.details(!detailed ? null : side.info.kind === "baseline" ? [] : details(lane));
  }
  showServers(sides);
}

/** Which server each side ran on, where that is not the same. */
function showServers(sides) {
  const targets = sides.map((side) => side.started?.servers?.target);
  const differ = targets.every(Boolean) && new Set(targets).size > 1;
  sides.forEach(({ head, started }, i) => {
    const how = started?.speculation ? `with token-level speculation (${started.speculation})` : "without token-level speculation";
    head.server(differ ? targets[i] : "", `The server that played the target: ${how}.`);
  });
}

/** Acceptance on both levels: drafted steps, and tokens that the target's server proposed itself. */
function details({ measures, plain, state }) {
  const { decided, share } = measures.acceptance;
  const counted = state.finished?.speculation;
  const proposed = counted?.proposed_tokens;
  return [
    ["steps accepted", plain || !decided ? "–" : percent(share), "Of the steps of the answer that were compared, the share where the drafted one stayed."],
    ["proposals accepted", proposed ? percent(counted.accepted_tokens / proposed) : "–", "Token-level speculation, as the target’s server counted it during the run; read when the run has ended."],
    ["tokens a pass", counted?.drafts ? (1 + counted.accepted_tokens / counted.drafts).toFixed(2) : "–", "What a pass of the target with proposals came to: those accepted, and one more."],
  ];
}

function cycleNote(lane) {
  if (lane.plain) return "";
  const ahead = [...lane.open].reduce((most, id) => Math.max(most, lane.state.positions.get(id).step - lane.state.answer.length + 1), 0);
  const flying = lane.measures.flying.size;
  const parts = [`cycle ${lane.state.cycle + 1}`];
  if (ahead > 0) parts.push(`${ahead} ahead`);
  if (flying) parts.push(`${flying} at the target`);
  return parts.join(", ");
}
