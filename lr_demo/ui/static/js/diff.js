// Which words of one text are not in another: character ranges, from a longest common subsequence.

const WORD = /\d+(?:[.,]\d+)*|\p{L}+|[^\s\p{L}\d]/gu;
const MOST_WORDS = 400; // beyond, only the common start and end are found: the table grows with the square

function words(text) {
  const found = [];
  for (const match of text.matchAll(WORD)) found.push({ word: match[0].toLowerCase(), start: match.index, end: match.index + match[0].length });
  return found;
}

/** Ranges [start, end) of `text` that differ from `other`, in order. */
export function differingRanges(text, other) {
  let a = words(text), b = words(other);
  let start = 0;
  while (start < a.length && start < b.length && a[start].word === b[start].word) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end].word === b[b.length - 1 - end].word) end += 1;
  a = a.slice(start, a.length - end);
  b = b.slice(start, b.length - end);
  const kept = a.length > MOST_WORDS || b.length > MOST_WORDS ? new Uint8Array(a.length) : common(a, b);
  const ranges = [];
  a.forEach((item, i) => {
    if (kept[i]) return;
    const before = ranges[ranges.length - 1];
    if (before && i > 0 && !kept[i - 1]) before[1] = item.end;
    else ranges.push([item.start, item.end]);
  });
  return ranges;
}

/** Marks the words of `a` that a longest common subsequence with `b` keeps. */
function common(a, b) {
  const n = a.length, m = b.length, width = m + 1;
  const length = new Uint16Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      length[i * width + j] = a[i].word === b[j].word
        ? length[(i + 1) * width + j + 1] + 1
        : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  const kept = new Uint8Array(n);
  for (let i = 0, j = 0; i < n && j < m; ) {
    if (a[i].word === b[j].word) {
      kept[i] = 1;
      i += 1;
      j += 1;
    } else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return kept;
}
