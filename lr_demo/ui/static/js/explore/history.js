// The history: filters, a page of runs, and which of them are to be compared.

import { el, keepInOrder, setText, show } from "../dom.js";
import { count } from "../format.js";
import { getJson } from "../transport.js";
import { Filters } from "./filters.js";
import { Import } from "./importing.js";
import { COLUMNS, runLine } from "./runline.js";

const PAGE = 25; // as the server has it
const LEAST = 2, MOST = 6;

export class History {
  /** @param {(wanted: object) => void} go */
  constructor(go) {
    this.go = go;
    this.offset = 0;
    this.asked = 0;
    this.chosen = []; // ids, in the order in which they were chosen
    this.lines = new Map(); // the runs that are shown, by their ids
    this.filters = new Filters(() => this.turn(0));
    this.import = new Import(() => this.load());
    this.compare = el("button.strong", { type: "button", disabled: true, onclick: () => go({ compare: this.chosen.join(",") }) }, "Compare");
    this.none = el("button.quiet", { type: "button", hidden: true, onclick: () => this.forget() }, "Choose none");
    this.said = el("span.hint", { role: "status" });
    this.body = el("tbody");
    this.table = el("table.runs", {}, el("caption.sr", {}, "Runs, the newest first"), el("thead", {}, el("tr", {}, ...COLUMNS.map((column, i) => el(i > 1 && i < 5 ? "th.num" : "th", { scope: "col" }, i === 0 || i === 7 ? el("span.sr", {}, column) : column)))), this.body);
    this.empty = el("p.empty", { hidden: true });
    this.place = el("span.hint");
    this.back = el("button.quiet", { type: "button", onclick: () => this.turn(this.offset - PAGE) }, "‹ newer");
    this.on = el("button.quiet", { type: "button", onclick: () => this.turn(this.offset + PAGE) }, "older ›");
    this.node = el("section.part", { "aria-label": "History of runs" },
      el("div.panel.bar", {}, this.filters.node, el("div.row.tools", {}, this.compare, this.none, this.said, el("span.push"), this.import.node)),
      this.import.notice,
      el("div.panel.tablebox", {}, this.table, this.empty),
      el("nav.row.pages", { "aria-label": "Pages of the history" }, this.place, el("span.push"), this.back, this.on));
    this.import.acceptDrops(this.node);
    this.tell();
  }

  enter() {
    this.load();
  }

  turn(offset) {
    this.offset = Math.max(0, offset);
    this.load();
  }

  async load() {
    const asked = ++this.asked;
    const query = this.filters.query();
    query.set("offset", this.offset);
    try {
      const found = await getJson(`explore/runs?${query}`);
      if (asked !== this.asked) return;
      this.show(found);
    } catch {
      if (asked === this.asked) this.nothing("The history cannot be read just now: the server does not answer. Reload the page when it is back.");
    }
  }

  show({ runs, found, total, modes, profiles }) {
    this.filters.offer({ modes, profiles });
    if (!runs.length && found && this.offset) {
      this.turn(0);
      return;
    }
    this.lines = new Map(runs.map((run) => [run.id, this.line(run)]));
    keepInOrder(this.body, [...this.lines.values()].map((line) => line.node));
    this.nothing(runs.length ? "" : total ? "No run fits. Search for other words, or clear the filters." : "No run yet. Start one on the Live page, or import a trace.");
    setText(this.place, found ? `${this.offset + 1} to ${this.offset + runs.length} of ${count(found, "run")}${found < total ? ` that fit, of ${total.toLocaleString("en")}` : ""}` : "");
    this.back.disabled = this.offset === 0;
    this.on.disabled = this.offset + runs.length >= found;
    this.filters.clear.disabled = !this.filters.active;
    this.tell();
  }

  /** A run's line: the one that is there where it says the same, so that whoever is on it stays there. */
  line(run) {
    const says = JSON.stringify(run);
    const there = this.lines.get(run.id);
    if (there?.says === says) return there;
    return { says, ...runLine(run, {
      chosen: this.chosen.includes(run.id),
      choose: (on) => this.choose(run.id, on),
      sweep: () => this.go({ sweep: "new", from: run.id }),
    }) };
  }

  nothing(text) {
    setText(this.empty, text);
    show(this.empty, text !== "");
    show(this.table, text === "");
  }

  choose(run, on) {
    this.chosen = this.chosen.filter((id) => id !== run);
    if (on) this.chosen.push(run);
    this.tell();
  }

  forget() {
    this.chosen = [];
    for (const { pick } of this.lines.values()) pick.checked = false;
    this.tell();
    this.compare.focus();
  }

  /** What is chosen, and whether it can be compared. */
  tell() {
    const chosen = this.chosen.length;
    const full = chosen >= MOST;
    for (const [run, { pick }] of this.lines) pick.disabled = full && !this.chosen.includes(run);
    this.compare.disabled = chosen < LEAST;
    show(this.none, chosen > 0);
    setText(this.compare, chosen >= LEAST ? `Compare ${chosen}` : "Compare");
    setText(this.said, chosen === 0 ? `Choose ${LEAST} to ${MOST} runs to compare` : chosen < LEAST ? "One run is chosen: choose another" : full ? `${MOST} runs are chosen, which is the most` : "The others are held against the one chosen first");
  }
}
