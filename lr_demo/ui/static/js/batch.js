// The target's batch: how many sequences it had in flight, over time.

const MOST_POINTS = 600; // beyond, the mean of every so many hundredths of the view

/** Steps { x, y } of the number of target spans open in [from, to]; means where there are too many to draw. */
export function batchCurve(spans, from, to, now) {
  const changes = [];
  let open = 0;
  for (const span of spans.reaching(from, to, now)) {
    if (span.row.role !== "target") continue;
    const end = span.end ?? now;
    if (span.start <= from) open += 1;
    else changes.push([span.start, 1]);
    if (end < to) changes.push([end, -1]);
  }
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const x = [from], y = [open];
  for (const [t, by] of changes) {
    open += by;
    if (t === x[x.length - 1]) y[y.length - 1] = open;
    else {
      x.push(t);
      y.push(open);
    }
  }
  x.push(Math.min(to, Math.max(now, from)));
  y.push(open);
  return x.length > MOST_POINTS ? means(x, y) : { x, y, mean: false };
}

function means(x, y) {
  const bins = MOST_POINTS >> 1, from = x[0], width = (x[x.length - 1] - from) / bins;
  const sums = new Float64Array(bins);
  for (let i = 0; i + 1 < x.length; i++) {
    for (let a = x[i]; a < x[i + 1]; ) {
      const bin = Math.min(bins - 1, Math.floor((a - from) / width + 1e-9));
      const b = bin === bins - 1 ? x[i + 1] : Math.min(x[i + 1], from + (bin + 1) * width);
      sums[bin] += y[i] * (b - a);
      a = b > a ? b : x[i + 1];
    }
  }
  return { x: [...sums].map((_, i) => from + i * width), y: [...sums].map((sum) => sum / width), mean: true };
}
