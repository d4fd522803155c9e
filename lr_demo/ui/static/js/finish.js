// The finish line: for each lane its time, speed, devices and answer; who won, in words, and who lost.

import { el, setText, show } from "./dom.js";
import { verdictOf } from "./explain.js";
import { speedOf } from "./figures.js";
import { factor, MODES, rate, seconds } from "./format.js";
import { getJson } from "./transport.js";

const ON_THE_WAY = "The finish line: it is drawn when every lane has ended.";
const COLUMNS = [
  ["lane", "lane", "In which mode the prompt was decoded."],
  ["time", "time", "Seconds from the start of the run to its end, on its own clock."],
  ["speed", "tokens/s", "Tokens of the answer over seconds, of this run alone."],
  ["factor", "speedup", "Tokens per second over those of the first lane."],
  ["devices", "devices", "What the run’s servers compute on, as its trace says."],
  ["answer", "answer", "What the answer states as its result; compared as mathematics where an answer is expected."],
];

class Row {
  constructor() {
    this.cells = Object.fromEntries(COLUMNS.map(([key, title]) => [key, el(key === "lane" ? "th" : "td", { "data-column": title, ...(key === "lane" ? { scope: "row" } : {}) })]));
    this.name = el("b");
    this.place = el("span.place");
    this.cells.lane.append(this.name, this.place);
    this.node = el("tr", {}, ...Object.values(this.cells));
  }

  set(key, text, look = "") {
    setText(this.cells[key], text);
    this.cells[key].dataset.look = look;
    this.cells[key].title = text.length > 24 ? text : "";
  }
}

export class FinishLine {
  constructor() {
    this.headline = el("p.headline", {}, ON_THE_WAY);
    this.body = el("tbody");
    this.table = el("table", {}, el("thead", {}, el("tr", {}, ...COLUMNS.map(([, title, hint]) => el("th", { scope: "col", title: hint }, title)))), this.body);
    this.node = el("section.panel.finish", { "aria-label": "Finish line", hidden: true }, this.headline, this.table);
  }

  open(race) {
    this.answers = new Map(); // by run: { answer, right }
    this.expected = race.info.expected;
    this.rows = race.sides.map(() => new Row());
    this.body.replaceChildren(...this.rows.map((row) => row.node));
    setText(this.headline, ON_THE_WAY);
    show(this.node, true);
    this.update(race);
  }

  /** The answers of a race that is over; comparing them is the server's. */
  async fetch(race) {
    const { info } = race;
    try {
      const answers = await getJson(`races/${encodeURIComponent(info.id)}/answers`);
      if (race.info !== info) return;
      for (const each of answers ?? []) this.answers.set(each.run, each);
      this.update(race);
    } catch {
      // the finish line stands without them
    }
  }

  /** Shows the lanes as they are at the moment that is shown. */
  update(race) {
    if (!this.rows || this.rows.length !== race.sides.length) return;
    const lanes = race.sides.map((side) => ({ side, name: nameOf(side), ...speedOf(side.lane, race.timeOf(side)), ended: side.state.status === "finished", over: side.done, answer: this.answers.get(side.info.id) }));
    const rated = race.baselineRate();
    const places = [...lanes].filter((lane) => lane.ended).sort((a, b) => b.speed - a.speed);
    const complete = lanes.every((lane) => lane.over);
    lanes.forEach((lane, i) => this.fill(this.rows[i], lane, race, rated, complete ? places.indexOf(lane) : -1));
    setText(this.headline, complete ? headline(lanes, places, race.reference ? lanes[0] : null) : ON_THE_WAY);
    this.node.dataset.look = complete ? "over" : "";
  }

  fill(row, lane, race, rated, place) {
    const { side } = lane;
    setText(row.name, lane.name);
    const known = place >= 0 && this.rows.length > 1;
    setText(row.place, !known ? "" : place === 0 ? "⚑ fastest" : `${place + 1}${["", "st", "nd", "rd", "th"][place + 1]}`);
    row.node.dataset.place = known ? String(place + 1) : "";
    row.set("time", side.state.started ? seconds(lane.time) : "–");
    row.set("speed", rate(lane.speed));
    const first = side === race.reference;
    const speedup = lane.speed / rated;
    const word = lane.ended && Number.isFinite(speedup) ? ` ${verdictOf(speedup)}` : "";
    row.set("factor", first ? (side.info.kind === "baseline" ? "baseline" : "compared with") : Number.isFinite(speedup) ? `${factor(speedup)}${word}` : "–", word.trim());
    row.set("devices", devicesOf(side.started));
    row.set("answer", ...this.answerOf(lane));
  }

  answerOf({ side, over, ended, answer }) {
    if (!over || !answer) return [over && !ended ? side.state.status : "…"];
    if (answer.invented) return [answer.answer === null ? "none: invented text" : `${answer.answer}, invented`];
    if (answer.answer === null) return [this.expected ? `✗ none stated, expected ${this.expected}` : "none stated", this.expected ? "wrong" : ""];
    if (!this.expected) return [answer.answer];
    if (answer.right === null) return [`${answer.answer}, not comparable with ${this.expected}`];
    return answer.right ? [`✓ correct: ${answer.answer}`, "right"] : [`✗ wrong: ${answer.answer}, expected ${this.expected}`, "wrong"];
  }
}

const nameOf = (side) => MODES[side.info.mode]?.short ?? side.info.mode;

function devicesOf(started) {
  const devices = started?.devices ?? [];
  if (!devices.length) return started ? "not known" : "–";
  const gpus = devices.filter((name) => name.startsWith("GPU "));
  const simulated = devices.filter((name) => name.startsWith("simulated "));
  const others = devices.filter((name) => !gpus.includes(name) && !simulated.includes(name));
  const numbers = gpus.map((name) => name.slice(4)).join(", ");
  const none = simulated.length ? "none: simulated" : "";
  return [gpus.length ? `${gpus.length} GPU${gpus.length > 1 ? "s" : ""} (${numbers})` : "", ...others, none].filter(Boolean).join(", ");
}

/** Who won by how much, and who lost; the reference is the lane that speedups are over. */
export function headline(lanes, places, reference) {
  const missing = lanes.filter((lane) => !lane.ended).map((lane) => `${lane.name}: ${lane.side.state.status}`);
  const [winner] = places;
  if (!winner) return `No lane came in. ${missing.join(", ")}.`;
  if (!reference) return `${winner.name}: ${seconds(winner.time)} at ${rate(winner.speed)} tokens/s.`;
  const parts = [missing.length ? `${missing.join(", ")}.` : ""];
  if (places.length === 1) parts.push(`${winner.name} ran alone to the end.`);
  else if (reference.ended) parts.unshift(...compared(places, reference));
  else parts.unshift(`⚑ ${winner.name} is the fastest that came in.`);
  const earlier = places.filter((lane) => lane.time < winner.time);
  if (earlier.length) parts.push(`${earlier.map((lane) => lane.name).join(" and ")} ended sooner, with fewer tokens.`);
  if (winner.answer?.right === false) parts.push(`The answer of ${winner.name} is not the expected one.`);
  return parts.filter(Boolean).join(" ");
}

function compared(places, reference) {
  const rivals = places.filter((lane) => lane !== reference);
  const speedups = new Map(rivals.map((lane) => [lane, lane.speed / reference.speed]));
  const lost = rivals.filter((lane) => verdictOf(speedups.get(lane)) === "slower");
  const equal = rivals.filter((lane) => verdictOf(speedups.get(lane)) === "equal");
  const best = rivals.find((lane) => verdictOf(speedups.get(lane)) === "faster");
  const named = (some) => some.map((lane) => `${lane.name} (${factor(speedups.get(lane))})`).join(", ");
  const parts = [];
  if (best) parts.push(`⚑ ${best.name} wins at ${factor(speedups.get(best))} the speed of ${reference.name}.`);
  else if (equal.length) parts.push(`⚑ A tie: ${named(equal)} as fast as ${reference.name}.`);
  else if (lost.length) parts.push(`⚑ ${reference.name} wins.`);
  if (best && equal.length) parts.push(`As fast as ${reference.name}: ${named(equal)}.`);
  if (lost.length) parts.push(`${lost.length > 1 ? "These lose" : `${lost[0].name} loses`} against ${reference.name}: ${lost.length > 1 ? named(lost) : `${factor(speedups.get(lost[0]))} its speed`}.`);
  return parts;
}
