// Takes the place of transport.js in a page that was saved: everything there is stands in the page itself.

const BATCH = 500; // events at once, as the server sends them

const data = JSON.parse(document.getElementById("ll-data").textContent);

/** The race of this page, as `/races/{id}` says it. */
export const race = data.routes[`races/${data.race}`];

/** The first event of a run. */
export const startOf = (id) => data.runs[id].events[0];

/** False: there is no server, and nothing can be asked of it. */
export const online = false;

export const url = (path) => path;

/** What the routes had answered; null for what the page was not given. */
export async function getJson(path) {
  return Object.hasOwn(data.routes, path) ? data.routes[path] : null;
}

/** Mathematics is all that can be asked for: what was rendered when the page was saved. */
export async function postJson(path, body) {
  if (path !== "math") throw new Error("This page was saved: it has no server.");
  return body.map(({ latex, display }) => data.math[(display ? "d" : "i") + latex] ?? null);
}

/** The events of a run, as a stream that has all of them. */
export class Stream {
  constructor(path, handlers, onState = () => {}) {
    this.path = path;
    this.handlers = handlers;
    this.onState = onState;
    this.at = 0;
    const id = decodeURIComponent(path(-1).split("/")[1]);
    this.run = Object.hasOwn(data.runs, id) ? data.runs[id] : null;
    this.timer = setTimeout(() => (this.run ? this.step() : onState("gone")));
  }

  step() {
    const { events, status } = this.run;
    if (this.at < events.length) {
      const some = events.slice(this.at, this.at + BATCH);
      this.at += some.length;
      this.timer = setTimeout(() => this.step());
      this.handlers.events(some, this.at - 1);
    } else this.handlers.end({ status }, -1);
  }

  close() {
    clearTimeout(this.timer);
  }
}
