// The files that can be made of a run, as links.

import { el } from "../dom.js";
import { url } from "../transport.js";

/** Name, and address for a run's id. */
const FILES = [];

export const exportLinks = (run) => FILES.map(({ name, path }) => el("a.quiet", { href: url(path(encodeURIComponent(run.id))), download: "" }, name));
