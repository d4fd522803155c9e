// The tree of a run with several alternatives: nodes at (step, row), the answer in the topmost row. No DOM.

const MOST_NODES = 220; // beyond, branches that were given up are not followed

/** Key of a step's node. */
export const keyOf = (step) => `${step.position}/${step.role}/${step.alternative}`;

/** Steps of a position that are nodes, the one in the answer first; the target's only where it stands alone or is kept. */
function stepsOf(position) {
  const drafts = position.drafts.filter(Boolean);
  const kept = position.committed?.step ?? null;
  const steps = kept ? [kept, ...drafts.filter((draft) => draft !== kept)] : drafts;
  return steps.length || !position.target ? steps : [position.target];
}

/** Positions that go on after a step, the one in the answer first. */
function after(step, position, state) {
  const next = state.ofStep[position.step + 1] ?? [];
  const found = step.role === "draft" ? next.filter(({ parent, parentAlternative }) => parent === position.id && parentAlternative === step.alternative) : [];
  if (found.length || position.committed?.step !== step) return kept(found);
  return next.filter(({ parent, waits, id }) => parent === null && !waits && id > position.id).slice(0, 1); // a new cycle
}

const kept = (positions) => [...positions].sort((a, b) => Number(b.committed !== null) - Number(a.committed !== null) || a.id - b.id);

/**
 * The nodes of the steps `from` to `to` of the answer: { key, step, position, column, row, parent, answer }.
 * `parent` is the key of the node that leads here, null at the left edge; `left` counts nodes that are not drawn.
 */
export function treeNodes(state, from, to) {
  const nodes = [];
  const lowest = new Array(to - from + 1).fill(-1); // the lowest row that is taken, by column
  let left = 0;
  const below = (column, last) => 1 + Math.max(...lowest.slice(column, last - from + 1));
  const reached = new Map();
  /** The last step that the branch after a step of a position reaches. */
  const reach = (step, position) => {
    const key = keyOf(step);
    if (!reached.has(key)) {
      const next = position.step < to ? after(step, position, state) : [];
      reached.set(key, next.reduce((most, child) => Math.max(most, whole(child)), position.step));
    }
    return reached.get(key);
  };
  const whole = (position) => stepsOf(position).reduce((most, step) => Math.max(most, reach(step, position)), position.step);
  const place = (position, row, parent) => {
    const column = position.step - from;
    stepsOf(position).forEach((step, i) => {
      const answer = position.committed?.step === step;
      if (nodes.length >= MOST_NODES && !answer) {
        left += 1;
        return;
      }
      const at = i === 0 ? row : below(column, reach(step, position));
      const node = { key: keyOf(step), step, position, column, row: at, parent, answer };
      nodes.push(node);
      lowest[column] = Math.max(lowest[column], at);
      if (position.step >= to) return;
      after(step, position, state).forEach((child, j) => place(child, j === 0 ? at : below(column + 1, whole(child)), node.key));
    });
  };
  for (const position of kept(state.ofStep[from] ?? []).filter(({ waits }) => !waits)) place(position, below(0, whole(position)), null);
  return { nodes, left, rows: 1 + Math.max(-1, ...lowest) };
}
