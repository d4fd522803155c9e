// A clock that runs at a rate, can be held, and can be moved to any moment.

export class Clock {
  constructor() {
    this.from = 0; // seconds shown when it was last set
    this.since = 0; // performance.now() then
    this.rate = 1; // seconds shown per second
    this.running = false;
  }

  /** Seconds that it shows. */
  get time() {
    return this.running ? this.from + ((performance.now() - this.since) / 1000) * this.rate : this.from;
  }

  move(seconds) {
    this.from = seconds;
    this.since = performance.now();
  }

  run() {
    this.move(this.time);
    this.running = true;
  }

  hold() {
    this.move(this.time);
    this.running = false;
  }

  setRate(rate) {
    this.move(this.time);
    this.rate = rate;
  }
}
