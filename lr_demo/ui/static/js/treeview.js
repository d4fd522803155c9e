// The tree on screen, where several alternatives are drafted: positions along, alternatives down.

import { differingRanges } from "./diff.js";
import { el, setText, show } from "./dom.js";
import { count } from "./format.js";
import { verdictBadge } from "./outcome.js";
import { origin } from "./provenance.js";
import { appendRich } from "./rich.js";
import { stepText } from "./state.js";
import { treeNodes } from "./tree.js";

const COLUMN = 148; // least pixels from step to step
const ROW = 34;
const NODE = 26; // height
const EVERY = 160; // ms between two drawings
const SVG = "http://www.w3.org/2000/svg";
const LOOKS = {
  writing: ["…", "being written"],
  complete: ["…", "complete"],
  judging: ["⚖", "being judged"],
  accepted: ["✓", "accepted"],
  rejected: ["✗", "rejected"],
  corrected: ["✎", "correction"],
  target: ["◆", "target’s own"],
  cancelled: ["⊘", "cancelled"],
};

const who = ({ role, alternative }) => (role === "target" ? "target" : `draft ${alternative + 1}`);

export class TreeView {
  constructor(links) {
    this.links = links;
    this.edges = document.createElementNS(SVG, "svg");
    this.edges.setAttribute("aria-hidden", "true");
    this.canvas = el("div.canvas", { role: "tree", "aria-label": "The tree of drafted steps: left and right follow a branch, up and down go between alternatives" }, this.edges);
    this.heads = el("div.heads", { "aria-hidden": "true" });
    this.body = el("div.branches", {}, this.heads, this.canvas);
    this.slider = el("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "First step of the tree that is shown" });
    this.slider.addEventListener("input", () => this.slide(Number(this.slider.value)));
    this.where = el("span.hint");
    this.newest = el("button.quiet.save", { type: "button", "aria-pressed": "true", onclick: () => this.slide(null) }, "newest");
    this.detail = el("div.detail");
    this.node = el(
      "section.panel.chart.wide.tree", { hidden: true, "data-chart": "tree" },
      el("div.charthead", {}, el("b", {}, "Tree"), this.where, el("span.push"), this.slider, this.newest),
      this.body, this.detail,
    );
    this.seen = true;
    new IntersectionObserver(([entry]) => (this.seen = entry.isIntersecting), { rootMargin: "200px" }).observe(this.node);
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("focusin", ({ target }) => this.look(target.dataset?.key));
    this.canvas.addEventListener("mouseover", ({ target }) => this.look(target.closest("[data-key]")?.dataset.key));
    this.canvas.addEventListener("mouseleave", () => links.set(null));
    this.canvas.addEventListener("click", ({ target }) => {
      const node = this.drawn.get(target.closest("[data-key]")?.dataset.key);
      if (node) links.goTo(node.position.id);
    });
    links.listeners.push((position) => this.light(position));
    this.reset();
  }

  reset() {
    this.from = null; // first step shown; null: the newest
    this.drawn = new Map(); // key to node, with `dom`
    this.current = null; // key of the node that is told below
    this.due = 0;
    this.stale = true;
    this.race = null;
    this.told = "";
    this.canvas.replaceChildren(this.edges);
    this.detail.replaceChildren();
    show(this.node, false);
  }

  slide(from) {
    this.from = from;
    this.stale = true;
    this.due = 0;
    this.race?.wake();
  }

  /** Draws what has changed, now and then; true where it did. */
  step(race, now) {
    if (!this.stale) return false;
    this.race = race;
    const { started } = race.run.state;
    const branches = (started?.settings?.width ?? 1) > 1 || (race.run.state.chosen?.width ?? 1) > 1;
    if (!branches || !race.run.state.ofStep.length) {
      this.stale = false;
      return false;
    }
    show(this.node, true);
    if (now < this.due || (!this.seen && !race.finishedShown)) return false;
    this.due = now + EVERY;
    this.stale = false;
    this.draw(race.run.state);
    return true;
  }

  draw(state) {
    const width = this.body.clientWidth;
    const columns = Math.max(2, Math.min(10, Math.floor(width / COLUMN)));
    const last = state.ofStep.length - 1;
    const from = Math.max(0, Math.min(this.from ?? Infinity, last - columns + 1));
    const to = Math.min(last, from + columns - 1);
    const { nodes, left, rows } = treeNodes(state, from, to);
    const wide = width / columns;
    this.slider.max = String(Math.max(0, last - columns + 1));
    this.slider.value = String(from);
    this.newest.setAttribute("aria-pressed", String(this.from === null));
    setText(this.where, `steps ${from + 1} to ${to + 1} of ${last + 1}${left ? `; ${count(left, "more branch", "more branches")} not drawn` : ""}`);
    this.where.title = origin(this.race, "position_opened, step_… and verdict");
    this.heads.replaceChildren(...Array.from({ length: to - from + 1 }, (_, i) => el("span", { style: `left:${i * wide}px;width:${wide}px` }, `step ${from + i + 1}`)));
    this.canvas.style.height = `${Math.max(3, rows) * ROW}px`;
    this.place(nodes, wide);
    this.connect(nodes, wide);
    this.light(this.links.position);
    this.tell();
  }

  place(nodes, wide) {
    const before = this.drawn;
    this.drawn = new Map();
    for (const node of nodes) {
      node.dom = before.get(node.key)?.dom ?? this.make(node);
      before.delete(node.key);
      this.drawn.set(node.key, node);
      this.update(node, wide);
    }
    for (const { dom } of before.values()) dom.remove();
    const focused = this.drawn.has(this.current) ? this.current : nodes.findLast(({ answer }) => answer)?.key ?? nodes[0]?.key;
    for (const node of nodes) {
      const tabindex = node.key === focused ? "0" : "-1";
      if (node.dom.getAttribute("tabindex") !== tabindex) node.dom.setAttribute("tabindex", tabindex);
    }
  }

  make(node) {
    const dom = el("div.node", { role: "treeitem", "data-key": node.key }, el("i", { "aria-hidden": "true" }), el("span"));
    this.canvas.append(dom);
    return dom;
  }

  update({ dom, step, position, column, row, answer }, wide) {
    const [icon, word] = LOOKS[step.phase] ?? LOOKS.complete;
    const text = stepText(step).slice(0, 60).replace(/\s+/g, " ");
    const [mark, words] = dom.children;
    setText(mark, icon);
    setText(words, text || "…");
    const style = `translate(${Math.round(column * wide)}px, ${row * ROW}px)`;
    if (dom.style.transform !== style) dom.style.transform = style;
    dom.style.width = `${Math.round(wide - 22)}px`;
    if (dom.dataset.phase !== step.phase) dom.dataset.phase = step.phase;
    dom.classList.toggle("answer", answer);
    dom.classList.toggle("of-target", step.role === "target");
    const says = `step ${position.step + 1}, ${who(step)}, ${word}${answer ? ", in the answer" : ""}: ${text}`;
    if (dom.getAttribute("aria-label") !== says) dom.setAttribute("aria-label", says);
    dom.setAttribute("aria-level", String(column + 1));
  }

  connect(nodes, wide) {
    const paths = nodes.filter(({ parent }) => parent && this.drawn.has(parent)).map((node) => {
      const from = this.drawn.get(node.parent);
      const x0 = Math.round(from.column * wide + wide - 22), y0 = from.row * ROW + NODE / 2;
      const x1 = Math.round(node.column * wide), y1 = node.row * ROW + NODE / 2;
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${x0},${y0} C${x0 + 12},${y0} ${x1 - 12},${y1} ${x1},${y1}`);
      path.setAttribute("class", node.answer ? "answer" : node.step.phase);
      return path;
    });
    this.edges.replaceChildren(...paths);
  }

  light(position) {
    for (const { dom, position: own } of this.drawn.values()) dom.classList.toggle("linked", own.id === position);
  }

  look(key) {
    const node = this.drawn.get(key);
    if (!node) return;
    this.current = key;
    this.links.set(node.position.id);
    this.tell();
  }

  /** What is looked at, in full: the step beside the target's, with the words that differ marked. */
  tell() {
    const node = this.drawn.get(this.current) ?? [...this.drawn.values()].findLast(({ answer }) => answer);
    if (!node) return;
    const { step, position } = node;
    const { target } = position;
    const told = `${node.key} ${step.phase} ${step.tokens} ${target?.tokens ?? 0} ${target?.ended !== null}`;
    if (told === this.told) return;
    this.told = told;
    const [icon, word] = LOOKS[step.phase] ?? LOOKS.complete;
    const verdict = step.verdict;
    const head = el("p.line", {}, el("b", {}, `${icon} step ${position.step + 1}, ${who(step)}: ${word}`), ` · ${count(step.tokens, "token")}`, verdict ? ` · ${verdictBadge(verdict)}` : "", verdict?.reason ? ` · ${verdict.reason}` : "");
    const both = target && target !== step;
    const compared = both && step.ended !== null && target.ended !== null;
    this.detail.replaceChildren(head, el("div.pair", {}, side(who(step), step, compared ? stepText(target) : null), both ? side("target", target, compared ? stepText(step) : null) : null));
  }

  key(event) {
    const node = this.drawn.get(event.target.dataset?.key);
    if (!node || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = [...this.drawn.values()];
    const { key } = event;
    if (key === "Enter") this.links.goTo(node.position.id);
    else if (key === "ArrowRight") this.focus(all.find(({ parent }) => parent === node.key) ?? all.find(({ column }) => column === node.column + 1));
    else if (key === "ArrowLeft") this.focus(this.drawn.get(node.parent));
    else if (key === "ArrowDown" || key === "ArrowUp") {
      const column = all.filter((other) => other.column === node.column).sort((a, b) => a.row - b.row);
      this.focus(column[column.indexOf(node) + (key === "ArrowDown" ? 1 : -1)]);
    } else if (key === "Home") this.focus(all[0]);
    else if (key === "End") this.focus(all.findLast(({ answer }) => answer));
    else return;
    event.preventDefault();
  }

  focus(node) {
    if (!node) return;
    for (const { dom } of this.drawn.values()) dom.setAttribute("tabindex", "-1");
    node.dom.setAttribute("tabindex", "0");
    node.dom.focus({ preventScroll: true });
    node.dom.scrollIntoView({ block: "nearest" });
  }
}

function side(label, step, other) {
  const words = el("div.words");
  const text = stepText(step);
  appendRich(words, text, other === null ? [] : differingRanges(text, other));
  return el("div.side", {}, el("span.label", {}, label), words);
}
