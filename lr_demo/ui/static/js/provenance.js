// Where a chart's figures come from: measured here, recorded, or simulated; and from which events.

import { moment } from "./format.js";

/** What the figures of a race are, in a word or two, and where: { look, words }. */
export function label(race) {
  const started = race.run.state.started;
  const look = started?.simulated || (!started && race.info?.simulated) ? "simulated" : race.info?.recorded ? "recorded" : "measured";
  const where = started?.hardware ? ` on ${started.hardware}` : "";
  const when = started?.started_at ? ` ${moment(started.started_at)}` : "";
  return { look, words: look === "measured" ? `measured${where}` : `${look}${when}${where}` };
}

/** The last line of a hover: `events` are the names of the events that a figure is computed from. */
export const origin = (race, events) => `${label(race).words}, from ${events}`;

/** The same as Plotly reads it: its hovers take markup. */
export const originLine = (race, events) => `<br><i>${escaped(origin(race, events))}</i>`;

/** Text that Plotly shows as it is. */
export const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%\{/g, "% {");
