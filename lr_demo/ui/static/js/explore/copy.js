// A link in a field of its own with a button that copies it.

import { el, setText } from "../dom.js";

const SAID = 2500; // ms for which the button says that it was copied

/** Copies a text; where the browser has no clipboard for us (plain HTTP), from the field that shows it. */
async function copy(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}

export function copyField(label, text) {
  const id = `ll-copy-${Math.random().toString(36).slice(2)}`;
  const field = el("input", { id, type: "text", readonly: true, value: text, onfocus: () => field.select() });
  const said = el("span.sr", { role: "status" });
  const button = el("button.quiet", { type: "button", "aria-label": `Copy: ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await copy(text, field);
    setText(button, done ? "Copied ✓" : "Press Ctrl+C");
    setText(said, done ? "Copied" : "Not copied: press Control and C");
    setTimeout(() => setText(button, "Copy"), SAID);
  });
  return el("div.copyfield", {}, el("label", { for: id }, label), el("div.row", {}, field, button), said);
}
