// The log of one server: its last lines, following while open. Lines are text and nothing else.

import { el, setText, show } from "../dom.js";
import { Stream } from "../transport.js";

const MOST_LINES = 2000;
const AT_END = 24; // pixels from the end that still count as being there

export class LogPanel {
  /** @param {() => void} onClose called when it was closed here */
  constructor(onClose) {
    this.server = null;
    this.title = el("h3");
    this.note = el("span.hint");
    this.lines = el("div.lines", { role: "log", tabindex: "0", "aria-live": "off" });
    this.newest = el("button.jump.gone", { type: "button", onclick: () => this.toEnd() }, "↓ newest lines");
    const close = el("button.quiet", { type: "button", onclick: onClose }, "Close");
    this.node = el(
      "section.panel.log", { hidden: true },
      el("div.row", {}, this.title, this.note, el("span.push"), close),
      el("div.frame", {}, this.lines, this.newest),
    );
    this.lines.addEventListener("scroll", () => this.newest.classList.toggle("gone", this.atEnd()));
    this.node.addEventListener("keydown", (event) => event.key === "Escape" && onClose());
  }

  open(server) {
    this.close();
    this.server = server;
    setText(this.title, `Log of ${server}`);
    this.node.setAttribute("aria-label", `Log of ${server}`);
    this.lines.setAttribute("aria-label", `Lines of the log of ${server}`);
    setText(this.note, "");
    show(this.node, true);
    const path = `fleet/servers/${encodeURIComponent(server)}/log`;
    const handlers = {
      log: (part) => this.add(part),
      end: () => {
        this.stream.close();
        setText(this.note, "This log has ended.");
      },
    };
    const says = { lost: "The connection is lost; it goes on by itself.", gone: "This log is not there any more." };
    this.stream = new Stream(() => path, handlers, (state) => state !== "open" && setText(this.note, says[state]));
    this.lines.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.stream?.close();
    this.stream = null;
    this.server = null;
    this.lines.replaceChildren();
    this.newest.classList.add("gone");
    show(this.node, false);
  }

  /** A stream begins with the last lines, so a fresh one replaces what is here. */
  add({ lines, skipped, fresh }) {
    const follow = fresh || this.atEnd();
    const nodes = lines.map((line) => el("div", {}, line));
    if (skipped) nodes.unshift(el("div.skipped", {}, "earlier lines are left out"));
    if (fresh) this.lines.replaceChildren(...nodes);
    else this.lines.append(...nodes);
    setText(this.note, fresh && !lines.length ? "No line yet." : "");
    while (this.lines.childElementCount > MOST_LINES) this.lines.firstElementChild.remove();
    if (follow) this.toEnd();
    else this.newest.classList.remove("gone");
  }

  atEnd() {
    return this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < AT_END;
  }

  toEnd() {
    this.lines.scrollTop = this.lines.scrollHeight;
    this.newest.classList.add("gone");
  }
}
