// The Explore page: one of three views, by its address; going back in the browser goes back here.

import { el, show } from "../dom.js";
import { addressOf, place } from "./address.js";
import { Comparison } from "./compare.js";
import { History } from "./history.js";
import { SweepView } from "./sweep.js";

const NAMES = [["history", "Runs", {}], ["sweep", "Sweeps", { sweep: "new" }]];

export class ExplorePage {
  constructor(root) {
    document.title = "Explore · Lookahead Live";
    const go = (wanted) => this.go(wanted);
    this.views = { history: new History(go), compare: new Comparison(go), sweep: new SweepView(go) };
    this.links = NAMES.map(([view, name, wanted]) => {
      const link = el("a", { href: addressOf(wanted), "data-view": view }, name);
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(wanted);
      });
      return link;
    });
    root.replaceChildren(
      el("header.parthead", {},
        el("div.row", {}, el("h2", {}, "Explore"), el("nav.views", { "aria-label": "Views of the Explore page" }, ...this.links)),
        el("p.hint", {}, "Every run of this server and every trace that was imported: find, compare, sweep, share.")),
      ...Object.values(this.views).map((view) => view.node),
    );
    window.addEventListener("popstate", () => this.show());
    this.show();
  }

  /** To another place, as if by a link. */
  go(wanted) {
    history.pushState(history.state, "", addressOf(wanted));
    this.show();
    window.scrollTo({ top: 0 });
  }

  show() {
    const asked = place();
    for (const [name, view] of Object.entries(this.views)) {
      show(view.node, name === asked.view);
      if (name !== asked.view) view.leave?.();
    }
    for (const link of this.links) {
      if (link.dataset.view === asked.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.views[asked.view].enter(asked);
  }
}
