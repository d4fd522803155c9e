// A run to take away: links to its exports, behind one button of the title row.

import { disclosure, el, setText, show } from "./dom.js";
import { online, url } from "./transport.js";

const FORMS = [
  ["html", "web page", "The race in one file that opens anywhere, without a server"],
  ["jsonl", "trace", "Every event of the run, one a line (JSON)"],
  ["perfetto.json", "Perfetto trace", "For ui.perfetto.dev or Chrome’s tracing"],
];

export class Saving {
  constructor() {
    const { node, title, content } = disclosure("saving", () => {});
    this.node = node;
    title.className = "quiet opener";
    setText(title, "save");
    this.links = FORMS.map(([ending, name, what]) => {
      const link = el("a", { download: "" }, el("b", {}, name), el("span", {}, what));
      link.addEventListener("click", () => this.close());
      content.append(link);
      return { ending, link };
    });
    this.title = title;
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || content.hidden) return;
      event.stopPropagation();
      this.close();
      title.focus();
    });
    node.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !node.contains(relatedTarget)) this.close();
    });
    document.addEventListener("pointerdown", ({ target }) => !node.contains(target) && this.close());
    this.offer(null);
  }

  /** @param {string | null} run an ended run's id; null where there is nothing to save */
  offer(run) {
    show(this.node, online && run !== null);
    this.close();
    if (run === null) return;
    for (const { ending, link } of this.links) link.href = url(`exports/${encodeURIComponent(run)}.${ending}`);
  }

  close() {
    if (this.title.getAttribute("aria-expanded") === "true") this.title.click();
  }
}
