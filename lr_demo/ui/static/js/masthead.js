// The top of a page: the links to the pages, the profile, and what every model server is doing while they load.

import { el, setText, show } from "./dom.js";
import { followFleet } from "./fleet/feed.js";
import { STATES } from "./fleet/words.js";
import { url } from "./transport.js";

const PAGES = [{ key: "live", name: "Live", path: "" }, { key: "learn", name: "Learn", path: "learn" }, { key: "explore", name: "Explore", path: "explore" }, { key: "fleet", name: "Fleet", path: "fleet" }];

class Server {
  constructor() {
    this.name = el("b");
    this.what = el("span.what");
    this.fill = el("div.fill");
    this.bar = el("div.bar", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
    this.detail = el("div.detail");
    this.node = el("div.server", {}, el("div.row", {}, this.name, this.what), this.bar, this.detail);
  }

  update(server) {
    this.node.dataset.state = server.state;
    setText(this.name, server.roles.length ? server.roles.join(" · ") : server.name);
    setText(this.what, `${server.model} · ${server.engine}`);
    setText(this.detail, server.detail || STATES[server.state]?.word || server.state);
    const known = server.progress !== null && server.progress !== undefined;
    const share = server.state === "ready" ? 1 : known ? server.progress : 0;
    this.bar.classList.toggle("unknown", !known && !["ready", "failed", "stopped", "waiting"].includes(server.state));
    this.fill.style.transform = `scaleX(${share})`;
    if (known) this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    else this.bar.removeAttribute("aria-valuenow");
  }
}

export class Masthead {
  /**
   * @param {{page: string, profile: object}} props
   * @param {(race: string | null) => void} switched called when the page is of another profile than runs are started on
   */
  constructor(root, { page, profile }, switched) {
    this.page = page;
    this.key = profile.key;
    this.switched = switched;
    this.asked = new URLSearchParams(location.search).get("race");
    this.servers = new Map();
    this.summary = el("span.chip");
    this.measured = el("span.chip.measured");
    this.cards = el("div.servers");
    this.line = el("p.line");
    this.strip = el("section.fleet", { "aria-label": "Model servers", hidden: true }, this.line, this.cards);
    root.replaceChildren(
      el("div.bar1", {}, el("h1", {}, "Lookahead Live"), links(page), el("span.push"), this.summary, this.measured),
      this.strip,
    );
    this.name(profile);
    followFleet((message) => this.update(message), (state) => this.connection(state));
  }

  name(profile) {
    setText(this.summary, [profile.name, ...profile.models].join(" · "));
    this.summary.title = profile.description;
    this.measured.title = profile.simulation ? `No model runs. Stated costs: ${profile.simulation}.` : "";
    setText(this.measured, profile.simulated ? "◇ simulated models" : "● measured here");
    show(this.measured, !["learn", "explore"].includes(this.page)); // what is there says so itself
    this.measured.dataset.look = profile.simulated ? "simulated" : "measured";
  }

  update({ profile, servers, error, ending }) {
    if (profile.key !== this.key) {
      this.key = profile.key;
      this.name(profile);
      this.switched(this.asked);
    }
    this.asked = null; // from now on a switch is news, and the form takes the new profile's defaults
    this.show(servers);
    const onDemand = new Set(profile.on_demand);
    const idle = ({ name, state }) => onDemand.has(name) && ["waiting", "stopped"].includes(state);
    const failed = servers.filter((server) => server.state === "failed");
    const wanted = servers.filter((server) => !idle(server));
    const busy = wanted.filter((server) => !["ready", "failed"].includes(server.state));
    const bad = Boolean(error) || failed.length > 0;
    show(this.strip, this.page !== "fleet" && this.page !== "learn" && (bad || busy.length > 0 || Boolean(ending)));
    this.strip.dataset.look = bad ? "failed" : "loading";
    if (ending) setText(this.line, `Switching to ${profile.name}: the servers of ${ending} are ending.`);
    else if (bad) setText(this.line, error || "A model server failed. Runs that need it cannot start.");
    else if (busy.every(({ name }) => onDemand.has(name))) setText(this.line, `A run needs one more server, which is being started: ${busy.map(({ name }) => name).join(", ")}. The run begins as soon as it is ready.`);
    else setText(this.line, `The models are getting ready: ${wanted.length - busy.length} of ${wanted.length}. A run started now begins as soon as they are.`);
  }

  show(servers) {
    const names = new Set(servers.map((server) => server.name));
    for (const [name, shown] of this.servers) {
      if (names.has(name)) continue;
      shown.node.remove();
      this.servers.delete(name);
    }
    for (const server of servers) {
      let shown = this.servers.get(server.name);
      if (!shown) {
        shown = new Server();
        this.servers.set(server.name, shown);
        this.cards.append(shown.node);
      }
      shown.update(server);
    }
  }

  connection(state) {
    document.body.classList.toggle("ll-offline", state !== "open");
  }
}

/** Links to the pages; what the address says beside the page, such as the race, comes along. */
function links(page) {
  const nodes = PAGES.map(({ key, name, path }) => {
    const link = el("a", { href: url(path) + location.search, "aria-current": key === page ? "page" : null }, name);
    link.addEventListener("click", () => (link.href = url(path) + location.search));
    return link;
  });
  return el("nav.pages", { "aria-label": "Pages" }, ...nodes);
}
