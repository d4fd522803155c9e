// The top of the page: its name, the profile, and what every model server is doing while they load.

import { el, setText, show } from "./dom.js";
import { Stream } from "./transport.js";

const WORDS = {
  waiting: "waiting", fetching: "fetching weights", converting: "converting", loading: "loading",
  ready: "ready", failed: "failed", stopped: "stopped",
};

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
    setText(this.detail, server.detail || WORDS[server.state] || server.state);
    const known = server.progress !== null && server.progress !== undefined;
    const share = server.state === "ready" ? 1 : known ? server.progress : 0;
    this.bar.classList.toggle("unknown", !known && !["ready", "failed", "stopped", "waiting"].includes(server.state));
    this.fill.style.transform = `scaleX(${share})`;
    if (known) this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    else this.bar.removeAttribute("aria-valuenow");
  }
}

export class Masthead {
  constructor(root, profile) {
    this.servers = new Map();
    this.onDemand = new Set(profile.on_demand ?? []);
    this.summary = el("span.chip");
    this.measured = el("span.chip.measured");
    this.cards = el("div.servers");
    this.line = el("p.line");
    this.strip = el("section.fleet", { "aria-label": "Model servers", hidden: true }, this.line, this.cards);
    root.replaceChildren(
      el("div.bar1", {}, el("h1", {}, "Lookahead Live"), el("span.push"), this.summary, this.measured),
      this.strip,
    );
    setText(this.summary, [profile.name, ...profile.models].join(" · "));
    this.summary.title = profile.description;
    setText(this.measured, profile.simulated ? "◇ simulated models" : "● measured here");
    this.measured.dataset.look = profile.simulated ? "simulated" : "measured";
    this.stream = new Stream(() => "fleet/events", { fleet: ({ servers, error }) => this.update(servers, error) }, (state) => this.connection(state));
  }

  update(servers, error) {
    for (const server of servers) {
      let shown = this.servers.get(server.name);
      if (!shown) {
        shown = new Server();
        this.servers.set(server.name, shown);
        this.cards.append(shown.node);
      }
      shown.update(server);
    }
    const failed = servers.filter((server) => server.state === "failed");
    const idle = ({ name, state }) => this.onDemand.has(name) && (state === "waiting" || state === "stopped");
    const busy = servers.filter((server) => !["ready", "failed"].includes(server.state) && !idle(server));
    const forRun = busy.length > 0 && busy.every(({ name }) => this.onDemand.has(name));
    const bad = Boolean(error) || failed.length > 0;
    show(this.strip, bad || busy.length > 0);
    this.strip.dataset.look = bad ? "failed" : "loading";
    setText(this.line, bad
      ? error || "A model server failed. Runs that need it cannot start."
      : forRun
        ? `A run needs one more server, which is being started: ${busy.map(({ name }) => name).join(", ")}. The run begins as soon as it is ready.`
        : `The models are getting ready: ${servers.filter(({ state }) => state === "ready").length} of ${servers.filter((server) => !idle(server)).length}. A run started now begins as soon as they are.`);
  }

  connection(state) {
    document.body.classList.toggle("ll-offline", state !== "open");
  }
}
