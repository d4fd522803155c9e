// Asks before something that cannot be taken back.

import { el } from "../dom.js";

/**
 * @param {{title: string, lines: string[], yes: string}} question
 * @returns {Promise<boolean>} true where it was confirmed; Escape and a click beside it mean no
 */
export function confirmed({ title, lines, yes }) {
  return new Promise((resolve) => {
    const cancel = el("button.quiet", { type: "button", onclick: () => dialog.close("no") }, "Cancel");
    const go = el("button.strong", { type: "button", onclick: () => dialog.close("yes") }, yes);
    const body = el("div.body", {}, el("h2", { id: "ll-asks" }, title), ...lines.map((line) => el("p", {}, line)), el("div.buttons", {}, cancel, go));
    const dialog = el("dialog.ll-dialog", { "aria-labelledby": "ll-asks" }, body);
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close("no"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
