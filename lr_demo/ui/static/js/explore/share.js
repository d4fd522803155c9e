// The dialog of a run: links that lead to it, and the files that can be made of it.

import { el } from "../dom.js";
import { getJson, url } from "../transport.js";
import { copyField } from "./copy.js";
import { exportLinks } from "./exports.js";

export async function share(run) {
  const content = el("div.links", {}, el("p.hint", {}, "Reading the run…"));
  const close = el("button.quiet", { type: "button", onclick: () => dialog.close() }, "Close");
  const files = exportLinks(run);
  const body = el("div.body", {},
    el("h2", { id: "ll-shares" }, "Share this run"), content,
    files.length ? el("div.exports", {}, el("b", {}, "As a file"), el("div.row", {}, ...files)) : null,
    el("div.buttons", {}, close));
  const dialog = el("dialog.ll-dialog.ll-share", { "aria-labelledby": "ll-shares" }, body);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  try {
    const links = await getJson(`explore/runs/${encodeURIComponent(run.id)}/share`);
    if (!links) throw new Error("its trace is not there any more");
    content.replaceChildren(
      copyField("This run, to be watched", url(links.run)),
      links.settings ? copyField("Its problem and settings, filled in on the Live page", url(links.settings)) : el("p.hint", {}, `No link with its settings: ${links.problem}.`),
      el("p.hint", {}, "The links lead to this server. The second one starts nothing: whoever opens it presses Run."),
    );
  } catch (error) {
    content.replaceChildren(el("p.notice", { role: "alert" }, `This run cannot be shared: ${error.message}.`));
  }
}
