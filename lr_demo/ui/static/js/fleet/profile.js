// Which profile runs are started on, and the others to switch to.

import { el, setText, show } from "../dom.js";
import { count } from "../format.js";
import { getJson, postJson } from "../transport.js";
import { confirmed } from "./dialog.js";
import { idle } from "./words.js";

export class ProfilePanel {
  /** @param {(text: string) => void} say shows what went wrong; nothing where the text is empty */
  constructor(say) {
    this.say = say;
    this.profile = null;
    this.choices = [];
    this.title = el("h2");
    this.sum = el("span.hint");
    this.description = el("p.description");
    this.select = el("select", { id: "ll-profile", onchange: () => this.describe() });
    this.button = el("button.strong", { type: "button", onclick: () => this.ask() }, "Switch…");
    this.other = el("p.hint.other");
    this.node = el(
      "section.panel.profile", { "aria-label": "Profile" },
      el("div.present", {}, el("div.row", {}, this.title, this.sum), this.description),
      el("div.switch", {},
        el("label", { for: "ll-profile" }, "Another profile"),
        el("div.row", {}, this.select, this.button), this.other),
    );
  }

  update({ profile, servers, ending }) {
    const ready = servers.filter((server) => server.state === "ready").length;
    const sleeping = servers.filter(idle).length;
    const all = `${ready} of ${count(servers.length - sleeping, "server")} ready${sleeping ? `, ${sleeping} on demand` : ""}`;
    setText(this.title, profile.name);
    setText(this.sum, ending ? `after the servers of ${ending} have ended` : all);
    setText(this.description, profile.description);
    if (this.profile?.key !== profile.key) this.load(profile);
  }

  async load(profile) {
    this.profile = profile;
    try {
      const { choices } = await getJson("fleet/profiles");
      if (this.profile !== profile) return;
      this.choices = choices.filter((choice) => choice.profile?.key !== profile.key);
    } catch {
      return; // the page says that the connection is lost
    }
    const chosen = this.select.value;
    this.select.replaceChildren(...this.choices.map((choice) => el("option", { value: choice.name, disabled: !choice.profile }, choice.profile ? choice.name : `${choice.name} (not usable)`)));
    if (this.choices.some((choice) => choice.name === chosen && choice.profile)) this.select.value = chosen;
    else this.select.value = this.choices.find((choice) => choice.profile)?.name ?? "";
    show(this.node.querySelector(".switch"), this.choices.length > 0);
    this.describe();
  }

  describe() {
    const choice = this.choices.find(({ name }) => name === this.select.value);
    setText(this.other, choice?.profile?.description ?? "");
    this.other.title = this.other.textContent;
    this.button.disabled = !choice?.profile;
  }

  async ask() {
    const name = this.select.value;
    const choice = this.choices.find((other) => other.name === name);
    if (!choice?.profile) return;
    await this.switchTo(choice.profile, `Switch to ${name}?`, `The servers of ${this.profile.name} end, then those of ${name} start: ${choice.profile.description}`, "Switch");
  }

  /** Starts the servers of the present profile anew. */
  async again() {
    await this.switchTo(this.profile, `Start the servers of ${this.profile.name} again?`, "What is left of them ends first.", "Start again");
  }

  async switchTo(profile, title, line, yes) {
    this.say("");
    try {
      const { active_runs: active } = await getJson("fleet/profiles");
      const lines = [line, "A model that is not on this machine yet is fetched first, which can take a while."];
      if (profile.simulated) lines.pop();
      if (active) lines.push(`${count(active, "run is", "runs are")} queued or under way and will end as stopped; what was accepted so far is kept.`);
      if (await confirmed({ title, lines, yes })) await postJson("fleet/switch", { profile: profile.name });
    } catch (error) {
      this.say(`Not switched: ${error.message}`);
    }
  }
}
