// What is looked at: a position of the tree. Its card, its bars on the timeline and its points on the charts are lit
// together, whichever of them the pointer or the keyboard is on.

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Links {
  /** @param lane of the run: its cards take part */
  constructor(lane) {
    this.lane = lane;
    this.position = null;
    this.listeners = [];
    const { list, body } = lane;
    body.setAttribute("aria-description", "Enter goes to the cards; the arrow keys move between them, Enter shows a card’s bars on the timeline.");
    list.addEventListener("mouseover", ({ target }) => this.set(positionOf(target)));
    list.addEventListener("mouseleave", () => this.set(null));
    list.addEventListener("focusin", ({ target }) => this.set(positionOf(target)));
    list.addEventListener("focusout", () => this.set(null));
    body.addEventListener("keydown", (event) => this.key(event));
  }

  /** Lights a position everywhere; null: nothing. */
  set(position) {
    if (position === this.position) return;
    for (const node of this.nodes(this.position)) node.classList.remove("linked");
    this.position = position;
    for (const node of this.nodes(position)) node.classList.add("linked");
    for (const tell of this.listeners) tell(position);
  }

  nodes(position) {
    return position === null ? [] : this.lane.list.querySelectorAll(`[data-position="${position}"], [data-positions~="${position}"]`);
  }

  /** Brings the card of a position into view and the keyboard to it. */
  goTo(position) {
    const [card] = this.nodes(position);
    if (!card) return;
    this.lane.stay();
    card.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
    focus(card.matches(".card") ? card : card.querySelector("button"));
  }

  key(event) {
    const { body, list } = this.lane;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = event.target.closest?.(".card");
    if (event.target === body && event.key === "Enter") {
      const cards = [...list.querySelectorAll(".card")];
      const { bottom } = body.getBoundingClientRect();
      const seen = cards.findLast((card) => card.getBoundingClientRect().top < bottom - 20);
      if (seen) this.lane.stay();
      focus(seen);
    } else if (!at || event.target !== at) return;
    else if (event.key === "Escape") body.focus();
    else if (event.key === "Enter") this.toTimeline?.(positionOf(at));
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const cards = [...list.querySelectorAll(".card")];
      const next = cards[cards.indexOf(at) + (event.key === "ArrowDown" ? 1 : -1)];
      next?.scrollIntoView({ block: "nearest" });
      focus(next);
    } else return;
    event.preventDefault();
  }
}

function focus(node) {
  if (!node) return;
  if (!node.hasAttribute("tabindex") && node.matches(".card")) node.setAttribute("tabindex", "-1");
  node.focus({ preventScroll: true });
}

function positionOf(node) {
  const found = node.closest?.("[data-position]");
  return found ? Number(found.dataset.position) : null;
}
