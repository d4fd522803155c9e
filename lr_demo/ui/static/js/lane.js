// One lane of the race: keeps the step cards of a folded run up to date, in slices of time.

import { Card } from "./card.js";
import { el, setText, show } from "./dom.js";
import { Fold } from "./fold.js";
import { GivenUp } from "./givenup.js";

const NEAR_END = 48; // pixels from the end within which a lane goes on following
const PAGE = 16; // steps per page; a page out of sight costs the browser nothing
const BY_HAND = 800; // ms after a touch of the user's in which a scroll is theirs

export class Lane {
  constructor(label) {
    this.empty = el("p.empty");
    this.list = el("div.cards");
    this.body = el("div.scroll", { tabindex: "0", role: "region", "aria-label": `${label}: steps` }, this.empty, this.list);
    this.jump = el("button.jump.gone", { type: "button", onclick: () => this.follow() }, "↓ follow");
    this.node = el("div.lanebody", {}, this.body, this.jump);
    this.body.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.touched = -Infinity;
    for (const kind of ["wheel", "touchmove", "pointerdown", "pointermove", "keydown"]) {
      this.body.addEventListener(kind, (event) => this.byHand(event), { passive: true });
    }
    const resized = new ResizeObserver(() => this.following && this.toEnd());
    resized.observe(this.list);
    resized.observe(this.body);
    this.judge = null; // who can be asked about verdicts
    this.reset();
  }

  /** Back to before the first event. */
  reset() {
    this.fold = new Fold();
    this.cards = new Map(); // by position, of steps that are not decided
    this.finals = new Map(); // by position, of steps in the answer: nothing changes them any more
    this.cycles = new Map();
    this.page = null;
    this.list.replaceChildren();
    this.following = true;
    this.jump.classList.add("gone");
    show(this.empty, true);
  }

  /** What an empty lane says. */
  say(text) {
    setText(this.empty, text);
  }

  get plain() {
    return this.measures.plain;
  }

  get state() {
    return this.fold.state;
  }

  get measures() {
    return this.fold.measures;
  }

  get spans() {
    return this.fold.spans;
  }

  get path() {
    return this.fold.path;
  }

  /** Positions that are not decided. */
  get open() {
    return this.fold.open;
  }

  get dirty() {
    return this.fold.dirty;
  }

  apply(event) {
    this.fold.apply(event);
  }

  /** Shows another moment of the same run; the cards of steps that are decided in both stay as they are. */
  adopt(fold) {
    for (const card of this.cards.values()) card.node.remove();
    this.cards.clear();
    const kept = fold.state.answer.length;
    const settled = Math.min(fold.state.cycle, this.state.cycle) - 1; // cycles before have nothing left to be given up
    this.fold = fold;
    for (const cycle of this.cycles.values()) this.cut(cycle, kept, settled);
    for (const position of fold.state.positions.values()) {
      const shown = position.committed ? this.finals.get(position.id)?.node.isConnected : this.cycles.get(position.cycle)?.buried.has(position.id);
      if (!shown) continue;
      position.drawn = true;
      fold.dirty.delete(position.id);
    }
    for (const page of [...this.list.children]) {
      page.steps = page.querySelectorAll(".level").length;
      if (!page.childElementCount) page.remove();
    }
    this.page = this.list.lastElementChild;
    show(this.empty, !this.page);
  }

  /** Takes from a cycle the levels from step `kept` on, and what was given up unless the cycle is settled. */
  cut(cycle, kept, settled) {
    if (cycle.number >= settled) {
      cycle.givenUp?.node.remove();
      cycle.givenUp = null;
      cycle.buried.clear();
    }
    cycle.levels = cycle.levels.filter((level) => {
      const stays = level.step < kept && level.node.childElementCount > 0;
      if (!stays) level.node.remove();
      else level.node.classList.toggle("multi", level.node.childElementCount > 1);
      return stays;
    });
    cycle.sections = cycle.sections.filter((section) => {
      const stays = section.querySelector(".level, .givenup") !== null;
      if (!stays) section.remove();
      return stays;
    });
    if (!cycle.sections.length) this.cycles.delete(cycle.number);
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
      card = (position.committed && this.finals.get(position.id)) || new Card(position, this.plain, this.judge);
      this.cards.set(position.id, card);
      this.place(card, position);
    }
    if (card.cycle !== position.cycle) { // the target had begun it already, behind its own step
      this.takeOut(card);
      this.place(card, position);
    }
    card.update();
    if (!card.final) return;
    position.drawn = true; // nothing that comes later changes it
    this.cards.delete(position.id);
    this.finals.set(position.id, card);
  }

  /** A cycle: its sections (a new one on every page it reaches), its levels (one per step), what was given up in it, of which positions. */
  cycle(number) {
    let cycle = this.cycles.get(number);
    if (!cycle) {
      cycle = { number, sections: [], levels: [], givenUp: null, buried: new Set() };
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
    if (cycle.sections.at(-1)?.parentNode !== this.page) {
      const section = el("section.cycle", { "data-cycle": cycle.number + 1 });
      if (!cycle.sections.length && !this.plain) section.append(el("div.cyclename", {}, `cycle ${cycle.number + 1}`));
      cycle.sections.push(section);
      this.page.append(section);
    }
    return cycle.sections.at(-1);
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
    card.cycle = position.cycle;
  }

  takeOut(card) {
    const { level } = card;
    card.node.remove();
    if (level.node.childElementCount < 2) level.node.classList.remove("multi");
    if (level.node.childNodes.length) return;
    level.node.remove();
    const { levels } = this.cycle(card.cycle);
    levels.splice(levels.indexOf(level), 1);
  }

  bury(position) {
    const card = this.cards.get(position.id);
    if (card) {
      this.cards.delete(position.id);
      this.takeOut(card);
    }
    if (!position.target && !position.drafts.some(Boolean)) return;
    const cycle = this.cycle(position.cycle);
    if (!cycle.givenUp) {
      cycle.givenUp = new GivenUp();
      (cycle.sections.at(-1) ?? this.section(cycle)).append(cycle.givenUp.node);
    }
    if (cycle.buried.has(position.id)) cycle.givenUp.update();
    else cycle.givenUp.add(position);
    cycle.buried.add(position.id);
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
    this.jump.classList.toggle("gone", near);
  }

  /** No longer follows: something earlier is looked at. */
  stay() {
    this.following = false;
    this.jump.classList.remove("gone");
  }

  follow() {
    this.following = true;
    this.jump.classList.add("gone");
    this.toEnd();
  }

  toEnd() {
    this.body.scrollTop = this.body.scrollHeight;
  }
}
