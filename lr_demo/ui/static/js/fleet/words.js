// States and figures of servers in words.

/** State to its icon, its word, and the look of both. */
export const STATES = {
  waiting: { icon: "…", word: "waiting", look: "quiet" },
  fetching: { icon: "↓", word: "fetching weights", look: "busy" },
  converting: { icon: "⟳", word: "converting", look: "busy" },
  loading: { icon: "⟳", word: "loading", look: "busy" },
  ready: { icon: "✓", word: "ready", look: "good" },
  failed: { icon: "✗", word: "failed", look: "bad" },
  stopped: { icon: "■", word: "stopped", look: "quiet" },
};

/** Whether a server is there to be started by the first run that needs it. */
export const idle = (server) => server.on_demand && ["waiting", "stopped"].includes(server.state);

export const NONE = "–";

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** What `write` makes of a value; a dash where there is none. */
export const orNone = (value, write) => (known(value) ? write(value) : NONE);

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const whole = (n) => orNone(n, (value) => WHOLE.format(value));

export const share = (p) => orNone(p, (value) => `${Math.round(100 * value)}`);

export const perSecond = (r) => orNone(r, (value) => (value < 99.95 ? value.toFixed(1) : WHOLE.format(value)));

export const tokensAPass = (n) => orNone(n, (value) => value.toFixed(2));

export const gibibytes = (bytes) => (bytes / 2 ** 30).toFixed(1);

export const watts = (w) => orNone(w, (value) => `${Math.round(value)}`);

/** `a, b and c` */
export const listed = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
