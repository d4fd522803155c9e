// The stage: the race's title and badges, its lanes, replay, finish line, notices, the sentence that explains it, the charts.

import { BigScreen } from "./bigscreen.js";
import { Countdown } from "./countdown.js";
import { el, setText, show } from "./dom.js";
import { verdictOf } from "./explain.js";
import { FinishLine } from "./finish.js";
import { factor, MODES } from "./format.js";
import { listen, showShortcuts } from "./keys.js";
import { Playback } from "./playback.js";
import { Predicted } from "./predicted.js";
import { Race } from "./race.js";
import { Saving } from "./saving.js";
import { Simulated } from "./simulated.js";
import { getJson } from "./transport.js";

const ROLES = { draft: "The draft", judge: "The judge", target: "The target" };
const WITHOUT = {
  draft: "the target goes on alone",
  judge: "drafted steps are rejected until it is back",
  target: "the run waits for it",
};

export class Stage {
  /** @param {{ended: function, shown: function, linked: function}} tell raises these events at the server */
  constructor(root, tell) {
    this.tell = tell;
    this.notices = new Map();
    this.asked = "";
    this.problem = el("h2.problem", {}, "No race yet");
    this.chips = el("div.chips");
    this.badge = el("span.chip.measured", { hidden: true });
    this.banner = new Simulated(root);
    this.saving = new Saving();
    this.countdown = new Countdown();
    this.bigScreen = new BigScreen(root, (on) => this.enlarged(on));
    this.larger = el("button.quiet", { type: "button", "aria-pressed": "false", title: "Stage mode: large type on the whole screen (f)", onclick: () => this.bigScreen.toggle() }, "⤢ stage");
    this.help = el("button.quiet", { type: "button", title: "Keyboard shortcuts (?)", "aria-label": "Keyboard shortcuts", onclick: () => showShortcuts(this.shortcuts) }, "?");
    this.noticeList = el("div.notices");
    this.why = el("p.why", { hidden: true });
    this.predicted = new Predicted();
    this.announcer = el("p.sr", { "aria-live": "polite" });
    this.others = el("div.others", { hidden: true });
    this.race = new Race(this);
    this.playback = new Playback(this.race);
    this.playback.node.append(this.countdown.option);
    this.finishLine = new FinishLine();
    this.shortcuts = this.bindings();
    listen(this.shortcuts);
    root.replaceChildren(
      this.banner.node, this.banner.about,
      el("section.panel.title", {}, el("div.row", {}, this.problem, this.badge, this.saving.node, this.larger, this.help), this.chips),
      this.noticeList, this.others, this.race.node, this.playback.node, this.finishLine.node,
      this.why, this.predicted.node, this.race.charts.node, this.announcer, this.countdown.node,
    );
    this.race.left.lane.say("The autoregressive baseline runs first, alone; then its recording races the run as a ghost. Where it has devices of its own, both run at once.");
    this.race.right.lane.say("Choose a problem and press Run: drafted steps appear here, with what became of them.");
    this.race.right.head.title("lookahead");
    this.race.left.head.title("autoregressive");
    const link = new URLSearchParams(location.search);
    const asked = link.get("race");
    if (asked) this.reopen(asked);
    else this.offerOthers();
    const wish = { settings: link.get("settings"), prompt: link.get("prompt") };
    if (!asked && (wish.settings || wish.prompt)) this.tell.linked(wish);
  }

  /** What keys do, in the order in which they are listed. */
  bindings() {
    const { playback } = this;
    const press = (id) => () => document.querySelector(id)?.click(); // a disabled button takes no click
    const skip = (by) => (event) => playback.move(event.shiftKey ? 10 * by : by);
    return [
      { keys: ["r"], shown: "r", does: "run", act: () => this.countdown.counting || press("#ll-run")() },
      { keys: ["s"], shown: "s", does: "stop", act: press("#ll-stop") },
      { keys: [" "], shown: "space", does: "replay the race, or pause", act: () => playback.toggle() },
      { keys: ["ArrowLeft"], shown: "←", does: "a second back (with Shift: ten)", act: skip(-1) },
      { keys: ["ArrowRight"], shown: "→", does: "a second on (with Shift: ten)", act: skip(1) },
      { keys: ["Home"], shown: "Home", does: "to the start", act: () => playback.move(-Infinity) },
      { keys: ["End"], shown: "End", does: "to the finish line", act: () => playback.move(Infinity) },
      { keys: ["<", ","], shown: "<", does: "slower replay", act: () => playback.faster(-1) },
      { keys: [">", "."], shown: ">", does: "faster replay", act: () => playback.faster(1) },
      { keys: ["f"], shown: "f", does: "stage mode: large type on the whole screen; Escape leaves it", act: () => this.bigScreen.toggle() },
      { keys: ["?"], shown: "?", does: "this list", act: () => showShortcuts(this.shortcuts) },
    ];
  }

  enlarged(on) {
    this.larger.setAttribute("aria-pressed", String(on));
    setText(this.larger, on ? "leave the stage" : "⤢ stage");
    for (const side of this.race.sides) side.lane.follow();
  }

  /** Before a run is asked for: a countdown in stage mode, and where it is wanted. */
  ready() {
    return this.countdown.run(this.bigScreen.on);
  }

  /** What the server set: a race's id, or nothing yet. */
  receive(value) {
    if (value && value !== this.asked) this.show(value);
  }

  /** Shows a race that was not started here; the form follows. */
  reopen(id) {
    this.tell.shown(id);
    this.show(id);
  }

  async show(id) {
    this.asked = id;
    const address = new URL(location.href);
    if (address.searchParams.get("race") !== id) {
      address.searchParams.set("race", id);
      for (const name of ["settings", "prompt"]) address.searchParams.delete(name); // what a link asked for has become a run
      history.replaceState(history.state, "", address);
    }
    this.clear();
    try {
      const info = await getJson(`races/${encodeURIComponent(id)}`);
      if (this.asked !== id) return;
      if (info) this.begin(info);
      else this.notice("race", "The server does not know this race: start a new one.", "warn");
    } catch {
      this.notice("race", "The server cannot be reached. Reload the page when it is back.", "error");
    }
  }

  clear() {
    for (const key of [...this.notices.keys()]) this.notice(key, "");
    show(this.why, false);
    this.predicted.clear();
    show(this.others, false);
    this.saving.offer(null);
  }

  begin(info) {
    this.info = info;
    setText(this.problem, info.prompt);
    this.problem.title = info.prompt.slice(0, 2000);
    this.chips.replaceChildren(...info.labels.map((label) => el("span.chip", {}, label)));
    this.simulated(info.simulated);
    this.race.open(info);
    this.playback.update();
    this.finishLine.open(this.race);
    this.predicted.tell(info.id);
  }

  /** Another moment of the race is shown. */
  moved(race) {
    this.playback.update();
    this.finishLine.update(race);
  }

  simulated(is) {
    show(this.badge, true);
    this.banner.say(is, this.info?.simulation ?? "");
    const look = is ? "simulated" : this.info?.recorded ? "recorded" : "measured";
    if (this.badge.dataset.look === look) return;
    this.badge.dataset.look = look;
    setText(this.badge, { simulated: "◇ simulated", recorded: "◷ recorded", measured: "● measured here" }[look]);
  }

  /** Shows a sentence above the lanes, or takes it away where the text is empty. */
  notice(key, text, look = "warn") {
    let node = this.notices.get(key);
    if (!text) {
      node?.remove();
      this.notices.delete(key);
      return;
    }
    if (!node) {
      node = el("p.notice", { role: "status" });
      this.notices.set(key, node);
      this.noticeList.append(node);
    }
    node.dataset.look = look;
    setText(node, text);
  }

  /** Banners for roles that are away. */
  roles(degraded) {
    for (const [role, name] of Object.entries(ROLES)) {
      const reason = degraded.get(role);
      this.notice(`role ${role}`, reason ? `${name} is away: ${reason}. Meanwhile ${WITHOUT[role]}.` : "", "warn");
    }
  }

  /** The run itself has ended; its ghost may still be on its way. */
  ended(race, speedup) {
    this.tell.ended();
    const { state } = race.run;
    const how = Number.isFinite(speedup) ? ` at ${factor(speedup)} the baseline’s speed` : "";
    setText(this.announcer, `The run ${state.status}${how}.`);
  }

  /** All lanes are complete. */
  settled(race, speedup, sentence) {
    this.why.dataset.result = Number.isFinite(speedup) ? verdictOf(speedup) : "";
    setText(this.why, sentence);
    show(this.why, sentence !== "");
    const { state } = race.run;
    if (state.status === "finished") this.predicted.tell(race.info.id, state.tokens / state.t);
    this.saving.offer(race.run.state.finished ? race.info.id : null);
    this.moved(race);
    this.finishLine.fetch(race);
  }

  /** Before the first race: what others run, to be watched. */
  async offerOthers() {
    try {
      const races = await getJson("races");
      if (this.asked || !races?.length) return;
      const links = races.slice(0, 5).map((race) => {
        const open = el("button.quiet", { type: "button", onclick: () => this.reopen(race.id) }, `${race.active ? "▶ " : ""}${MODES[race.mode]?.short ?? race.mode}: ${race.prompt.slice(0, 90)}`);
        return el("li", {}, open);
      });
      this.others.replaceChildren(el("b", {}, "Races of this server"), el("ul", {}, ...links));
      show(this.others, true);
    } catch {
      // an empty page is fine
    }
  }
}
