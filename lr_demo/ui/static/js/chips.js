// What a lane's chip says: whether it is live, a ghost, a replay, queued or over, and measured when and beside what.

import { moment, MODES } from "./format.js";

const RECORDED = "The recorded run, replayed at its own pace.";
const QUEUED = "A measured run has the servers to itself: this one begins when those before it have ended.";

const taken = (started) => `${started.simulated ? "simulated" : "measured"} ${moment(started.started_at)}`;
const names = (sides) => sides.map((side) => MODES[side.info.mode]?.short ?? side.info.mode).join(" and ");

/**
 * @param {Side[]} beside lanes that are, or were, measured at the same time
 * @param {{ghost: boolean, replaying: boolean, lanes: number}} how the lane is shown
 * @returns {[text: string, look: string, title?: string]}
 */
export function chip(side, beside, how) {
  const { started } = side;
  if (side.info.kind === "run") return runChip(side, how);
  const together = beside.length ? (how.lanes > 2 ? `, at once with ${names(beside)}` : ", at the same time") : side.turn < 0 ? ", cached" : "";
  const when = started ? `${taken(started)}${together}` : "";
  if (!started) return [side.status === "stopped" ? "stopped" : "queued", "queued", QUEUED];
  if (how.replaying && !side.done) return [beside.length ? `replay · ${how.lanes > 2 ? `ran at once with ${names(beside)}` : "both ran at once"}` : `replay · ${when}`, "live", RECORDED];
  if (how.ghost && !side.done) return [`ghost · ${when}`, "ghost", RECORDED];
  if (!side.done) return [beside.length ? `live${together}` : "measuring now, alone", "live"];
  if (side.state.status !== "finished") return [side.state.status, "bad"];
  return [when, "done"];
}

function runChip(side, { ghost, replaying }) {
  const { state } = side;
  const beside = state.started?.concurrent ? " · beside other runs" : "";
  if (state.finished) return [replaying ? `${state.status} · replayed${beside}` : state.status + beside, state.status === "finished" ? "done" : "bad"];
  if (side.drained) return [side.status || "stopped", "bad"];
  if (!state.started) return ["queued", "queued", QUEUED];
  if (ghost) return [`ghost · ${taken(state.started)}`, "ghost", RECORDED];
  return [(replaying ? "replay" : "live") + beside, "live"];
}
