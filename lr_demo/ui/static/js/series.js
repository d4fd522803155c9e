// Points over time with a bounded number of them: when full, every second point goes.

export class Series {
  constructor(capacity = 400) {
    this.capacity = capacity;
    this.x = [];
    this.y = [];
    this.gap = 0; // least distance of two points, seconds
    this.version = 0;
  }

  /** Adds a point; one that follows its predecessor too closely replaces it. */
  add(x, y) {
    const n = this.x.length;
    if (n > 1 && x - this.x[n - 2] < this.gap) {
      this.x[n - 1] = x;
      this.y[n - 1] = y;
    } else {
      this.x.push(x);
      this.y.push(y);
    }
    if (this.x.length > this.capacity) this.thin();
    this.version += 1;
  }

  thin() {
    const keep = (_, i) => i % 2 === 0 || i === this.x.length - 1;
    const x = this.x.filter(keep);
    this.y = this.y.filter(keep);
    this.x = x;
    this.gap = Math.max(2 * this.gap, (x[x.length - 1] - x[0]) / this.capacity);
  }

  get last() {
    return this.y[this.y.length - 1];
  }

  /** The value in force at x: that of the last point not after it. */
  at(x) {
    let low = 0, high = this.x.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] <= x) low = middle + 1;
      else high = middle;
    }
    return low ? this.y[low - 1] : 0;
  }
}
