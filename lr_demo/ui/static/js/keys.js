// Keyboard shortcuts of the Live page, and the list of them. None fires while something is typed.

import { el } from "./dom.js";

const TYPING = "input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]:not([contenteditable=false])";
const PRESSED = "button, a[href], summary, [role=button], input[type=checkbox], input[type=radio]"; // space is theirs
const SCROLLED = ".scroll, .words"; // space, Home and End are theirs
const MOVED = "#ll-form, .charts, input[type=range]:not(.moment)"; // sliders, choices, branches, bars: arrows, Home and End are theirs
const OWN = new Set([" ", "Home", "End"]);

/** Which element's own business a key is. */
function belongsElsewhere(key, target) {
  if (!(target instanceof Element)) return false;
  if (target.closest(TYPING) || target.closest("dialog[open], [role=listbox]")) return true;
  if (key === " " && target.closest(PRESSED)) return true;
  if ((key.startsWith("Arrow") || OWN.has(key)) && target.closest(MOVED)) return true;
  return OWN.has(key) && target.closest(SCROLLED) !== null;
}

/**
 * @param {{keys: string[], shown: string, does: string, act: (event: KeyboardEvent) => unknown}[]} shortcuts
 * `keys` are values of `KeyboardEvent.key`; `act` returns false where there is nothing to do: the key is the browser's then
 */
export function listen(shortcuts) {
  const acts = new Map(shortcuts.flatMap(({ keys, act }) => keys.map((key) => [key, act])));
  document.addEventListener("keydown", (event) => {
    const act = acts.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (belongsElsewhere(event.key, event.target)) return;
    if (act(event) !== false) event.preventDefault();
  });
}

/** Shows the list of shortcuts until it is closed. */
export function showShortcuts(shortcuts) {
  const close = el("button.strong", { type: "button", onclick: () => dialog.close() }, "Close");
  const lines = shortcuts.flatMap(({ shown, does }) => [el("dt", {}, ...shown.split(" ").map((key) => el("kbd", {}, key))), el("dd", {}, does)]);
  const body = el("div.body", {}, el("h2", { id: "ll-keys" }, "Keyboard"), el("dl.keys", {}, ...lines), el("div.buttons", {}, close));
  const dialog = el("dialog.ll-dialog", { "aria-labelledby": "ll-keys" }, body);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
