// The heading of a part of the page.

import { el } from "../dom.js";

export const heading = (title, text) => el("header.parthead", {}, el("h2", {}, title), el("p.hint", {}, text));
