// Builds DOM nodes. Text always goes in as text nodes: nothing here parses markup.

/** An element: `el("b.word", { title: "…" }, "text", child)`; the first argument is tag and classes. */
export function el(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets the text of a node only where it differs, so that an unchanged label costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows or hides a node. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Makes `nodes` the children of a node; those that are there already are not taken out, so focus stays. */
export function keepInOrder(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
}

const PIECE_CHARACTERS = 2000;

/** Text that grows at its end: cheap for any length, since full text nodes are left alone. */
export class GrowingText {
  constructor(node) {
    this.node = node;
    this.tail = null;
    this.length = 0;
  }

  append(text) {
    if (!text) return;
    this.length += text.length;
    if (this.tail && this.tail.length < PIECE_CHARACTERS) {
      this.tail.appendData(text);
    } else {
      this.tail = document.createTextNode(text);
      this.node.append(this.tail);
    }
  }
}

/**
 * A line that opens to show more; what it shows is built when it is first opened.
 * Not `<details>`: each closed one adds to the cost of every style update of the page, and there are hundreds.
 * @param {(content: HTMLElement) => void} fill called at every opening
 */
export function disclosure(kind, fill) {
  const content = el("div.content", { hidden: true });
  const title = el("button.opener", { type: "button", "aria-expanded": "false" });
  title.addEventListener("click", () => {
    show(content, content.hidden);
    title.setAttribute("aria-expanded", String(!content.hidden));
    if (!content.hidden) fill(content);
  });
  return { node: el(`div.${kind}`, {}, title, content), title, content };
}
