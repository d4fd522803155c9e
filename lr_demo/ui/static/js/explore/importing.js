// Takes in a trace file that somebody else made: chosen with a button, or dropped on the history.

import { el, setText, show } from "../dom.js";
import { count } from "../format.js";
import { url } from "../transport.js";
import { liveAddress } from "./address.js";
import { when } from "./words.js";

const MOST_BYTES = 32 * 2 ** 20; // as the server has it

export class Import {
  /** @param {() => void} taken called when there is a new run */
  constructor(taken) {
    this.taken = taken;
    this.input = el("input.sr", { type: "file", accept: ".jsonl,.json,application/x-ndjson,text/plain", id: "ll-import", tabindex: "-1", "aria-hidden": "true" });
    this.input.addEventListener("change", () => {
      const [file] = this.input.files;
      this.input.value = ""; // the same file may be chosen again
      if (file) this.take(file);
    });
    this.button = el("button.quiet", { type: "button", title: "A trace file (.jsonl) of this program, made on any machine", onclick: () => this.input.click() }, "Import a trace…");
    this.text = el("span");
    this.link = el("a", { hidden: true }, "Open it");
    this.notice = el("p.notice", { role: "status", hidden: true }, this.text, " ", this.link);
    this.node = el("span.import", {}, this.input, this.button);
  }

  /** Files that are dropped here are taken too. */
  acceptDrops(place) {
    place.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
    place.addEventListener("drop", (event) => {
      const [file] = event.dataTransfer?.files ?? [];
      if (!file) return;
      event.preventDefault();
      this.take(file);
    });
  }

  async take(file) {
    this.button.disabled = true;
    this.say(`Reading ${file.name}…`, "note");
    try {
      if (file.size > MOST_BYTES) throw new Error("it is too large: traces of up to 32 MiB are taken");
      const answer = await fetch(url("explore/import"), { method: "POST", headers: { "content-type": "application/x-ndjson" }, body: file });
      const said = await answer.json().catch(() => null);
      if (!answer.ok) throw new Error(typeof said?.detail === "string" ? said.detail : `the server answered ${answer.status}`);
      this.say(sentence(said), "good", said.run);
      this.taken();
    } catch (error) {
      this.say(`${file.name} was not imported: ${error.message}`, "error");
    }
    this.button.disabled = false;
  }

  /** @param {string} [run] the run to open */
  say(text, look, run) {
    setText(this.text, text);
    this.notice.dataset.look = look;
    if (run) this.link.href = liveAddress(run);
    show(this.link, Boolean(run));
    show(this.notice, text !== "");
  }
}

function sentence({ run, known, renamed, cut_short, events, began, hardware }) {
  if (known) return `This run is here already, as ${run}: nothing was stored.`;
  const made = `Imported as ${run}: ${count(events, "event")}, recorded ${when(began)}${hardware ? ` on ${hardware}` : ""}.`;
  const other = renamed ? " Another run has its id, so it has a new one here." : "";
  return `${made}${other}${cut_short ? " It was cut short: the file ends before the run does." : ""}`;
}
