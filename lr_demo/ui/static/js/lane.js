// One lane of the race: folds a run's events and keeps its step cards up to date, in slices of time.

import { Card } from "./card.js";
import { el, setText, show } from "./dom.js";
import { GivenUp } from "./givenup.js";
import { Measures } from "./measures.js";
import { CriticalPath } from "./path.js";
import { Spans } from "./spans.js";
import { RunState } from "./state.js";

const NEAR_END = 48; // pixels from the end within which a lane goes on following
const PAGE = 16; // steps per page; a page out of sight costs the browser nothing
const BY_HAND = 800; // ms after a touch of the user's in which a scroll is theirs

export class Lane {
  constructor(label) {
    this.empty = el("p.empty");
    this.list = el("div.cards");
    this.body = el("div.scroll", { tabindex: "0", role: "region", "aria-label": `${label}: steps` }, this.empty, this.list);
    this.jump = el("button.jump", { type: "button", hidden: true, onclick: () => this.follow() }, "↓ follow");
    this.node = el("div.lanebody", {}, this.body, this.jump);
    this.body.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.touched = -Infinity;
    for (const kind of ["wheel", "touchmove", "pointerdown", "pointermove", "keydown"]) {
      this.body.addEventListener(kind, (event) => this.byHand(event), { passive: true });
    }
    const resized = new ResizeObserver(() => this.following && this.toEnd());
    resized.observe(this.list);
    resized.observe(this.body);
    this.reset();
  }

  /** Back to before the first event. */
  reset() {
    this.state = new RunState();
    this.measures = new Measures();
    this.spans = new Spans();
    this.path = new CriticalPath();
    this.cards = new Map();
    this.open = new Set(); // positions that are not decided
    this.dirty = new Set();
    this.cycles = new Map();
    this.page = null;
    this.list.replaceChildren();
    this.following = true;
    show(this.jump, false);
    show(this.empty, true);
  }

  /** What an empty lane says. */
  say(text) {
    setText(this.empty, text);
  }

  get plain() {
    return this.measures.plain;
  }

  apply(event) {
    this.measures.apply(event, this.state);
    this.state.apply(event);
    this.spans.apply(event, this.state);
    this.path.apply(event, this.state);
    if (event.position !== undefined && event.type !== "cycle_started") this.dirty.add(event.position);
    if (event.type === "position_opened") this.open.add(event.position);
    else if (event.type === "step_committed") {
      this.open.delete(event.position);
      this.sweep();
    } else if (event.type === "verdict" ? !event.accepted : event.type === "step_cancelled" && event.role === "draft") this.sweep();
    else if (event.type === "run_finished") this.sweep(true);
  }

  /** Undecided positions that no longer can join the answer leave the cards. */
  sweep(all = false) {
    for (const id of this.open) {
      const position = this.state.positions.get(id);
      if (!all && this.state.alive(position)) continue;
      position.dead = true;
      this.open.delete(id);
      this.dirty.add(id);
    }
  }

  /** Brings cards up to date until the deadline (a `performance.now()`); true when all are. */
  render(deadline) {
    if (!this.dirty.size) return true;
    show(this.empty, false);
    for (const id of this.dirty) {
      this.dirty.delete(id);
      this.draw(this.state.positions.get(id));
      if (performance.now() > deadline) break;
    }
    return this.dirty.size === 0;
  }

  draw(position) {
    if (!position || position.drawn) return;
    if (position.dead) {
      this.bury(position);
      return;
    }
    let card = this.cards.get(position.id);
    if (!card) {
      card = new Card(position, this.plain);
      this.cards.set(position.id, card);
      this.place(card, position);
    }
    card.update();
    if (!card.final) return;
    position.drawn = true; // nothing that comes later changes it
    this.cards.delete(position.id);
  }

  /** A cycle: its sections (a new one on every page it reaches), its levels (one per step), what was given up in it. */
  cycle(number) {
    let cycle = this.cycles.get(number);
    if (!cycle) {
      cycle = { number, section: null, levels: [], givenUp: null };
      this.cycles.set(number, cycle);
    }
    return cycle;
  }

  /** The section in which a cycle's next level or line goes. */
  section(cycle) {
    if (!this.page || this.page.childElementCount === 0 || this.page.steps >= PAGE) {
      this.page = el("div.page");
      this.page.steps = 0;
      this.list.append(this.page);
    }
    if (cycle.section?.parentNode !== this.page) {
      const first = cycle.section === null;
      cycle.section = el("section.cycle", { "data-cycle": cycle.number + 1 });
      if (first && !this.plain) cycle.section.append(el("div.cyclename", {}, `cycle ${cycle.number + 1}`));
      this.page.append(cycle.section);
    }
    return cycle.section;
  }

  place(card, position) {
    const cycle = this.cycle(position.cycle);
    let at = cycle.levels.length;
    while (at > 0 && cycle.levels[at - 1].step >= position.step) at -= 1;
    let level = cycle.levels[at];
    if (!level || level.step !== position.step) {
      level = { step: position.step, node: el("div.level") };
      const after = cycle.levels[at]?.node;
      if (after) after.before(level.node);
      else {
        const section = this.section(cycle);
        section.insertBefore(level.node, cycle.givenUp?.node.parentNode === section ? cycle.givenUp.node : null);
        this.page.steps += 1;
      }
      cycle.levels.splice(at, 0, level);
    }
    level.node.append(card.node);
    if (level.node.childElementCount > 1) level.node.classList.add("multi");
    card.level = level;
  }

  bury(position) {
    const card = this.cards.get(position.id);
    if (card) {
      this.cards.delete(position.id);
      card.node.remove();
      if (card.level.node.childElementCount < 2) card.level.node.classList.remove("multi");
      const cycle = this.cycle(position.cycle);
      if (!card.level.node.childNodes.length) {
        card.level.node.remove();
        cycle.levels.splice(cycle.levels.indexOf(card.level), 1);
      }
    }
    if (!position.target && !position.drafts.some(Boolean)) return;
    const cycle = this.cycle(position.cycle);
    if (!cycle.givenUp) {
      cycle.givenUp = new GivenUp();
      (cycle.section ?? this.section(cycle)).append(cycle.givenUp.node);
    }
    if (position.buried) cycle.givenUp.update();
    else cycle.givenUp.add(position);
    position.buried = true;
  }

  byHand(event) {
    if (event.type !== "pointermove" || event.buttons) this.touched = performance.now();
  }

  /** A scroll of the user's, up or to the end again, decides whether the lane follows; ours does not. */
  scrolled() {
    if (performance.now() - this.touched > BY_HAND) return;
    const { scrollTop, scrollHeight, clientHeight } = this.body;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (near === this.following) return;
    this.following = near;
    show(this.jump, !near);
  }

  /** No longer follows: something earlier is looked at. */
  stay() {
    this.following = false;
    show(this.jump, true);
  }

  follow() {
    this.following = true;
    show(this.jump, false);
    this.toEnd();
  }

  toEnd() {
    this.body.scrollTop = this.body.scrollHeight;
  }
}
