// The way to the server: addresses, JSON, and event streams that go on where they were after any interruption.

/** The application's root, found from this module's own address (`…/live-static/<version>/js/`). */
const ROOT = new URL("../../../", import.meta.url);

/** True: there is a server. A page that was saved has none. */
export const online = true;

export const url = (path) => new URL(path, ROOT).href;

/** JSON of a route; null where the server does not know the thing. */
export async function getJson(path) {
  const answer = await fetch(url(path), { headers: { accept: "application/json" } });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return answer.json();
}

/**
 * Asks a route to do something; what it answers. Throws with the sentence of the server where it refuses.
 * @param {AbortSignal} [signal] gives it up
 */
export async function postJson(path, body, signal) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const answer = await fetch(url(path), { method: "POST", headers, body: JSON.stringify(body), signal });
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(typeof said?.detail === "string" ? said.detail : `The server answered ${answer.status}.`);
  return said;
}

/**
 * Follows a stream of server-sent events. While the page is hidden the connection is closed, for a
 * browser has only six to one server; when it is seen again, the stream goes on after the last id.
 */
export class Stream {
  /**
   * @param {(after: number) => string} path address, given the last id seen (-1 at first)
   * @param {Record<string, (data: any, id: number) => void>} handlers by event name, data parsed
   * @param {(state: "open" | "lost" | "gone") => void} onState
   */
  constructor(path, handlers, onState = () => {}) {
    this.path = path;
    this.handlers = handlers;
    this.onState = onState;
    this.last = -1;
    this.closed = false;
    this.onVisible = () => (document.hidden ? this.pause() : this.open());
    document.addEventListener("visibilitychange", this.onVisible);
    this.open();
  }

  open() {
    if (this.closed || this.source) return;
    const source = (this.source = new EventSource(url(this.path(this.last))));
    source.onopen = () => this.onState("open");
    source.onerror = () => {
      // Closed for good by the browser: the server refused it. Otherwise it tries again by itself.
      this.onState(source.readyState === EventSource.CLOSED ? "gone" : "lost");
    };
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (message) => {
        if (message.lastEventId !== "") this.last = Number(message.lastEventId);
        handle(JSON.parse(message.data), this.last);
      });
    }
  }

  pause() {
    this.source?.close();
    this.source = null;
  }

  close() {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.onVisible);
    this.pause();
  }
}
