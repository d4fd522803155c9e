// One server: what it is, how far, how fast; its log and its restart.

import { el, setText, show } from "../dom.js";
import { Addresses } from "./addresses.js";
import { Gauges, Gpus } from "./gauges.js";
import { Spark } from "./spark.js";
import { idle, NONE, perSecond, STATES } from "./words.js";

const ON_DEMAND = { icon: "…", word: "on demand", look: "quiet" };
const RESTARTABLE = new Set(["ready", "failed", "stopped", "loading"]);

export class ServerCard {
  /** @param {{log: function, restart: function}} asks called with the server's name */
  constructor(name, asks) {
    this.name = name;
    this.server = null;
    this.known = []; // of the GPUs
    this.reading = null; // what it told last
    this.roles = el("h3.roles");
    this.simulated = el("span.chip", { "data-look": "simulated", hidden: true }, "◇ simulated");
    this.icon = el("span.icon", { "aria-hidden": "true" });
    this.word = el("span.word");
    this.what = el("p.what");
    this.fill = el("div.fill");
    this.bar = el("div.bar", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": `Progress of ${name}` }, this.fill);
    this.detail = el("p.detail");
    this.speed = el("span.speed", {}, NONE);
    this.spark = new Spark();
    this.gauges = new Gauges();
    this.gpus = new Gpus();
    this.addresses = new Addresses();
    this.log = el("button.quiet", { type: "button", "aria-expanded": "false", onclick: () => asks.log(name) }, "Log");
    this.restart = el("button.quiet", { type: "button", onclick: () => asks.restart(name) }, "Restart");
    this.pace = el("div.pace", {}, el("p.fast", {}, this.speed, " ", el("span.unit", {}, "tokens/s")), this.spark.node);
    this.buttons = el("div.buttons", {}, this.log, this.restart);
    this.node = el(
      "section.panel.server", { "aria-label": `Server ${name}` },
      el("div.row", {}, this.roles, this.simulated, el("span.push"), el("span.state", {}, this.icon, this.word)),
      this.what, this.bar, this.detail, this.pace, this.gauges.node, this.gpus.node, this.addresses.node, this.buttons,
    );
  }

  update(server) {
    const fresh = this.server === null;
    this.server = server;
    const sleeps = idle(server);
    const state = sleeps ? ON_DEMAND : STATES[server.state] ?? { icon: "", word: server.state, look: "quiet" };
    const percent = server.progress !== null && state.look === "busy" ? ` ${Math.round(100 * server.progress)} %` : "";
    this.node.dataset.look = state.look;
    this.node.dataset.role = server.roles[0] ?? "";
    setText(this.roles, server.roles.map((role) => role.replaceAll("_", " ")).join(" · ") || server.name);
    setText(this.icon, state.icon);
    setText(this.word, `${state.word}${percent}`);
    const named = server.roles.includes(server.name) ? [] : [server.name];
    setText(this.what, [...new Set([...named, server.model, server.engine, server.device])].join(" · "));
    setText(this.detail, server.detail || (sleeps ? "Starts when a run first needs it." : "\u00a0"));
    this.detail.title = server.detail;
    show(this.simulated, server.simulated);
    this.spark.empty(server.simulated ? "nothing to measure" : "no speed measured yet");
    this.progress(server, state);
    const measures = server.engine !== "transformers";
    this.node.classList.toggle("plain", !measures);
    show(this.pace, measures);
    show(this.gauges.node, measures);
    show(this.log, server.has_log);
    show(this.restart, server.restartable);
    show(this.buttons, server.has_log || server.restartable);
    this.log.setAttribute("aria-label", `Log of ${this.name}`);
    setText(this.restart, sleeps ? "Start" : "Restart");
    this.restart.setAttribute("aria-label", `${this.restart.textContent} ${this.name}`);
    this.restart.disabled = !sleeps && !RESTARTABLE.has(server.state);
    if (server.state !== "ready" || fresh) this.figures(null, this.known);
    else this.addresses.set(server.addresses, this.reading);
  }

  progress(server, state) {
    const known = server.progress !== null;
    this.bar.classList.toggle("unknown", state.look === "busy" && !known);
    this.fill.style.transform = `scaleX(${state.look === "good" ? 1 : known ? server.progress : 0})`;
    if (known) this.bar.setAttribute("aria-valuenow", String(Math.round(100 * server.progress)));
    else this.bar.removeAttribute("aria-valuenow");
  }

  /** @param {object | null} reading what it told last @param {object[]} gpus every GPU */
  figures(reading, gpus) {
    const figures = reading?.figures ?? null;
    this.known = gpus;
    this.reading = reading;
    setText(this.speed, perSecond(figures?.tokens_per_s));
    this.speed.classList.toggle("none", figures?.tokens_per_s == null);
    if (reading) this.spark.add(reading.pace);
    this.gauges.set(figures, this.server);
    this.gpus.set(this.server.gpus, gpus);
    this.addresses.set(this.server.addresses, reading);
    this.node.classList.toggle("silent", Boolean(reading?.problem));
    if (reading?.problem) {
      setText(this.detail, reading.problem);
      this.detail.title = reading.problem;
    } else if (figures) {
      setText(this.detail, this.server.detail || "\u00a0"); // it answers again
    }
  }

  /** Whether its log is open. */
  opened(is) {
    this.log.setAttribute("aria-expanded", String(is));
    setText(this.log, is ? "Close log" : "Log");
  }
}
