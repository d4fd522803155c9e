// What a lane's head says of a moment of its run, in numbers.

import { percent } from "./format.js";

/** Tokens of the answer per second, `time` seconds in. Plain decoding counts tokens as they come. */
export function speedOf(lane, time) {
  const { state } = lane;
  const tokens = lane.plain && !state.finished ? Math.max(state.tokens, state.written.target) : state.tokens;
  const over = state.finished ? state.t : time;
  return { tokens, time: over, speed: tokens && over ? tokens / over : NaN };
}

/** Acceptance on both levels: drafted steps, and tokens that the target's server proposed itself. */
export function details({ measures, plain, state }) {
  const { decided, share } = measures.acceptance;
  const counted = state.finished?.speculation;
  const proposed = counted?.proposed_tokens;
  return [
    ["steps accepted", plain || !decided ? "–" : percent(share), "Of the steps of the answer that were compared, the share where the drafted one stayed."],
    ["proposals accepted", proposed ? percent(counted.accepted_tokens / proposed) : "–", "Token-level speculation, as the target’s server counted it during the run; read when the run has ended."],
    ["tokens a pass", counted?.drafts ? (1 + counted.accepted_tokens / counted.drafts).toFixed(2) : "–", "What a pass of the target with proposals came to: those accepted, and one more."],
  ];
}

export function cycleNote(lane) {
  if (lane.plain) return "";
  const ahead = [...lane.open].reduce((most, id) => Math.max(most, lane.state.positions.get(id).step - lane.state.answer.length + 1), 0);
  const flying = lane.measures.flying.size;
  const parts = [`cycle ${lane.state.cycle + 1}`];
  if (ahead > 0) parts.push(`${ahead} ahead`);
  if (flying) parts.push(`${flying} at the target`);
  return parts.join(", ");
}
