// LaTeX to MathML nodes: asks the server in batches, builds nodes from its trees by an allow-list of its own.

import { el } from "./dom.js";
import { postJson } from "./transport.js";

const MATHML = "http://www.w3.org/1998/Math/MathML";
const ELEMENTS = new Set(
  ("math mrow mi mn mo mtext ms mspace mfrac msqrt mroot msub msup msubsup munder mover munderover " +
    "mmultiscripts mprescripts mtable mtr mtd mstyle mpadded mphantom menclose").split(" "),
);
const ATTRIBUTES = new Set(
  ("display displaystyle scriptlevel mathvariant stretchy fence form accent accentunder columnalign " +
    "width linethickness minsize maxsize lspace rspace movablelimits notation").split(" "),
);
const MOST_IN_BATCH = 200;
const MOST_KNOWN = 4000;

const known = new Map(); // "d" or "i" + LaTeX to a tree, or null where it is no mathematics
let waiting = new Map(); // the same keys to the nodes that wait for them
let asked = false;

/** A node that shows LaTeX: its source as text at first and for good where it is broken, else MathML. */
export function mathNode(latex, source, display) {
  const node = el(display ? "span.math.display" : "span.math", {}, source);
  const key = (display ? "d" : "i") + latex;
  if (known.has(key)) fill(node, known.get(key));
  else {
    const nodes = waiting.get(key);
    if (nodes) nodes.push(node);
    else waiting.set(key, [node]);
    if (!asked) {
      asked = true;
      setTimeout(ask, 30);
    }
  }
  return node;
}

async function ask() {
  asked = false;
  const batch = [...waiting].slice(0, MOST_IN_BATCH);
  for (const [key] of batch) waiting.delete(key);
  if (waiting.size) {
    asked = true;
    setTimeout(ask, 30);
  }
  try {
    const trees = await postJson("math", batch.map(([key]) => ({ latex: key.slice(1), display: key[0] === "d" })));
    if (known.size > MOST_KNOWN) known.clear();
    batch.forEach(([key, nodes], i) => {
      known.set(key, trees[i]);
      for (const node of nodes) fill(node, trees[i]);
    });
  } catch {
    // the source stays as text
  }
}

function fill(node, tree) {
  const built = tree && build(tree);
  if (built) node.replaceChildren(built);
}

function build([name, attributes, children]) {
  if (!ELEMENTS.has(name)) return null;
  const node = document.createElementNS(MATHML, name);
  for (const [key, value] of Object.entries(attributes)) if (ATTRIBUTES.has(key)) node.setAttribute(key, value);
  for (const child of children) {
    const built = typeof child === "string" ? document.createTextNode(child) : build(child);
    if (!built) return null;
    node.append(built);
  }
  return node;
}
