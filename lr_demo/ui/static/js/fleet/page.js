// The Fleet page: the profile, a card for every server, the log of one of them.

import { el, setText, show } from "../dom.js";
import { postJson, Stream } from "../transport.js";
import { ServerCard } from "./card.js";
import { confirmed } from "./dialog.js";
import { followFleet } from "./feed.js";
import { LogPanel } from "./log.js";
import { ProfilePanel } from "./profile.js";
import { listed, STATES } from "./words.js";

const WITHOUT = {
  target: "The run waits for its target until it is back.",
  draft: "Meanwhile the run goes on without its draft.",
  judge: "Meanwhile drafted steps are rejected.",
};

export class FleetPage {
  constructor(root) {
    this.cards = new Map();
    this.states = new Map();
    this.gpus = [];
    this.key = "";
    document.title = "Fleet · Lookahead Live";
    this.notice = el("p.notice", { role: "status", hidden: true, "data-look": "error" });
    this.failure = el("p.failure");
    this.failed = el(
      "div.notice.failed", { role: "alert", hidden: true, "data-look": "error" }, this.failure,
      el("button.quiet", { type: "button", onclick: () => this.profile.again() }, "Start again…"),
    );
    this.profile = new ProfilePanel((text) => this.say(text));
    this.grid = el("div.grid");
    this.log = new LogPanel(() => this.closeLog());
    this.announcer = el("p.sr", { "aria-live": "polite" });
    root.replaceChildren(this.profile.node, this.failed, this.notice, this.grid, this.log.node, this.announcer);
    this.figures = null;
    followFleet((message) => this.update(message));
  }

  update(message) {
    this.profile.update(message);
    setText(this.failure, message.error ?? "");
    show(this.failed, Boolean(message.error) && !message.ending);
    this.arrange(message.servers);
    for (const server of message.servers) {
      this.cards.get(server.name).update(server);
      this.announce(server);
    }
    // Not before there are cards: the first message holds the last minute.
    this.figures ??= new Stream(() => "fleet/telemetry", { telemetry: (figures) => this.measure(figures) });
  }

  /** Cards for these servers, in their order. Nothing is moved that is in its place. */
  arrange(servers) {
    const names = servers.map((server) => server.name);
    for (const [name, card] of this.cards) {
      if (names.includes(name)) continue;
      card.node.remove();
      this.cards.delete(name);
      this.states.delete(name);
      if (this.log.server === name) this.closeLog();
    }
    for (const name of names) {
      if (this.cards.has(name)) continue;
      const card = new ServerCard(name, { log: (server) => this.toggleLog(server), restart: (server) => this.restart(server) });
      this.cards.set(name, card);
      this.grid.append(card.node);
    }
  }

  announce({ name, state }) {
    const before = this.states.get(name);
    this.states.set(name, state);
    if (before && before !== state) setText(this.announcer, `${name}: ${STATES[state]?.word ?? state}`);
  }

  measure({ servers, gpus }) {
    for (const [name, card] of this.cards) card.figures(servers.find((reading) => reading.name === name) ?? null, gpus);
  }

  toggleLog(server) {
    if (this.log.server === server) {
      this.closeLog();
      return;
    }
    this.closeLog();
    this.log.open(server);
    this.cards.get(server)?.opened(true);
  }

  closeLog() {
    const card = this.cards.get(this.log.server);
    const focused = this.log.node.contains(document.activeElement);
    this.log.close();
    card?.opened(false);
    if (focused) card?.log.focus();
  }

  async restart(server) {
    this.say("");
    try {
      const answer = await postJson("fleet/restart", { server });
      if (answer.begun) return;
      const roles = answer.roles_in_use;
      const lines = [`A run is using it as its ${listed(roles)}.`, ...roles.map((role) => WITHOUT[role]).filter(Boolean)];
      if (await confirmed({ title: `Restart ${server}?`, lines, yes: "Restart" })) {
        await postJson("fleet/restart", { server, confirmed: true });
      }
    } catch (error) {
      this.say(`Not restarted: ${error.message}`);
    }
  }

  /** A sentence above the servers; none where the text is empty. */
  say(text) {
    setText(this.notice, text);
    show(this.notice, text !== "");
  }
}
