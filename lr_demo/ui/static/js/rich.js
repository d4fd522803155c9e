// Simple markdown and mathematics of a complete step, as DOM nodes. Whatever is not recognised stays text.

import { el } from "./dom.js";
import { mathNode } from "./mathml.js";

const MOST_CHARACTERS = 20000; // longer text is shown plainly

const FENCE = /^\s*```/;
const HEADING = /^\s{0,3}#{1,6}\s+/;
const ITEM = /^(\s*)(?:[-*+•]|(\d{1,3}[.)]))\s+/;
const ENVIRONMENT = /^\s*\\begin\{(?:aligned|align\*?|gathered|gather\*?|split|cases|[pbvBV]?matrix|array)\}/;

// Lengths are bounded so that hostile text costs no more than linear time.
const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]{1,400})`",
    "\\\\\\((?<round>[^\\n]{1,1000}?)\\\\\\)",
    "\\\\\\[(?<square>[^]{1,1000}?)\\\\\\]",
    "\\$\\$(?<double>[^$]{1,1000})\\$\\$",
    "\\$(?![\\s$])(?<dollar>[^$\\n]{1,400}?)(?<![\\s\\\\])\\$(?!\\d)",
    "(?<boxed>\\\\boxed\\{)",
    "\\*\\*(?=\\S)(?<bold>[^\\n]{1,400}?)(?<=\\S)\\*\\*",
    "(?<![\\w*])\\*(?=[^\\s*])(?<italic>[^*\\n]{1,300}?)(?<=\\S)\\*(?![\\w*])",
  ].join("|"),
  "g",
);

/** What stands between single dollar signs is mathematics, and not the words between two prices. */
const looksLikeMath = (text) => /[\\^_=+<>{}]|^\s*[A-Za-z]'?\s*$|^[\d\s.,+\-*/×÷()%]+$/.test(text) && !/[a-z]{3,} [a-z]{3,} [a-z]{3,}/i.test(text.replace(/\\text\{[^}]*\}/g, ""));

/**
 * Appends a step's text to `parent`.
 * @param {[number, number][]} marks character ranges to be marked
 */
export function appendRich(parent, text, marks = []) {
  const body = text.trimEnd();
  const writer = new Writer(marks);
  if (body.length > MOST_CHARACTERS) {
    writer.text(parent, body, 0);
    return;
  }
  for (const block of blocks(body)) writer.block(parent, block);
}

/** Splits text into blocks { kind, text, start, label }, where start is the block's place in the text. */
function blocks(text) {
  const found = [];
  const lines = text.split("\n");
  let start = 0, paragraph = null;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const open = FENCE.test(line) ? (l) => FENCE.test(l) : null;
    const display = /^\s*(\$\$|\\\[)/.exec(line);
    const environment = ENVIRONMENT.test(line);
    if (open || (display && !closesOn(line, display[1])) || environment) {
      const closes = open ?? (environment ? (l) => /\\end\{[a-zA-Z*]+\}\s*$/.test(l) : (l) => closing(display[1], l));
      const first = open ? i + 1 : i;
      let last = environment && closes(line) ? i : i + 1;
      while (last < lines.length && !closes(lines[last])) last += 1;
      const whole = lines.slice(first, open ? last : last + 1).join("\n");
      const offset = start + (open ? line.length + 1 : 0);
      if (last < lines.length || open) {
        found.push({ kind: open ? "code" : environment ? "environment" : "paragraph", text: whole, start: offset });
        for (const skipped of lines.slice(i, last + 1)) start += skipped.length + 1;
        i = last;
        paragraph = null;
        continue;
      }
    }
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    if (!line.trim()) paragraph = null;
    else if (heading) {
      found.push({ kind: "heading", text: line.slice(heading[0].length), start: start + heading[0].length });
      paragraph = null;
    } else if (item) {
      paragraph = { kind: "item", text: line.slice(item[0].length), start: start + item[0].length, label: item[2] ?? "•", depth: Math.min(3, item[1].length >> 1) };
      found.push(paragraph);
    } else if (paragraph) paragraph.text += `\n${line}`;
    else found.push((paragraph = { kind: "paragraph", text: line, start }));
    start += line.length + 1;
  }
  return found;
}

const closing = (open, line) => (open === "$$" ? line.includes("$$") : line.includes("\\]"));
const closesOn = (line, open) => closing(open, line.slice(line.indexOf(open) + 2));

class Writer {
  constructor(marks) {
    this.marks = marks;
  }

  block(parent, block) {
    switch (block.kind) {
      case "code": {
        const code = el("code");
        this.text(code, block.text, block.start);
        parent.append(el("pre", {}, code));
        break;
      }
      case "environment":
        parent.append(this.math(block.text, block.text, true, block.start));
        break;
      case "item": {
        const body = el("div");
        this.inline(body, block.text, block.start);
        parent.append(el("div.item", { style: `--depth:${block.depth}` }, el("span.bullet", {}, block.label), body));
        break;
      }
      default: {
        const node = el(block.kind === "heading" ? "div.heading" : "div.paragraph");
        this.inline(node, block.text, block.start);
        parent.append(node);
      }
    }
  }

  inline(parent, text, start) {
    let done = 0;
    INLINE.lastIndex = 0;
    const pattern = new RegExp(INLINE, "g");
    for (let match; (match = pattern.exec(text)); ) {
      const groups = match.groups;
      let end = match.index + match[0].length;
      let node = null;
      const at = start + match.index;
      if (groups.code !== undefined) {
        node = el("code");
        this.text(node, groups.code, at + 1);
      } else if (groups.boxed !== undefined) {
        const close = closingBrace(text, end);
        if (close > 0) {
          end = close + 1;
          const source = text.slice(match.index, end);
          node = this.math(source, source, false, at);
        }
      } else if (groups.bold !== undefined) {
        node = el("strong");
        this.inline(node, groups.bold, at + 2);
      } else if (groups.italic !== undefined) {
        node = el("em");
        this.inline(node, groups.italic, at + 1);
      } else if (groups.dollar === undefined || looksLikeMath(groups.dollar)) {
        const display = groups.square !== undefined || groups.double !== undefined;
        node = this.math(groups.round ?? groups.square ?? groups.double ?? groups.dollar, match[0], display, at);
      }
      if (!node) {
        pattern.lastIndex = match.index + 1;
        continue;
      }
      this.text(parent, text.slice(done, match.index), start + done);
      parent.append(node);
      done = pattern.lastIndex = end;
    }
    this.text(parent, text.slice(done), start + done);
  }

  /** Mathematics; marked as a whole where any part of it is. */
  math(latex, source, display, at) {
    const node = mathNode(latex, source, display);
    const marked = this.marks.some(([from, to]) => from < at + source.length && to > at);
    return marked ? el("mark", {}, node) : node;
  }

  /** Text, with the marked ranges in it. */
  text(parent, text, start) {
    let done = 0;
    for (const [from, to] of this.marks) {
      const a = Math.max(done, from - start), b = Math.min(text.length, to - start);
      if (b <= a) continue;
      if (a > done) parent.append(text.slice(done, a));
      parent.append(el("mark", {}, text.slice(a, b)));
      done = b;
    }
    if (done < text.length) parent.append(text.slice(done));
  }
}

/** Index of the brace that closes the one before `from`; -1 where there is none near. */
function closingBrace(text, from) {
  let depth = 1;
  for (let i = from; i < Math.min(text.length, from + 600); i++) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === "{") depth += 1;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  return -1;
}
