// How fast a lane is.

/** Tokens of the answer per second, `time` seconds in. Plain decoding counts tokens as they come. */
export function speedOf(lane, time) {
  const { state } = lane;
  const tokens = lane.plain && !state.finished ? Math.max(state.tokens, state.written.target) : state.tokens;
  const over = state.finished ? state.t : time;
  return { tokens, time: over, speed: tokens && over ? tokens / over : NaN };
}
