// Numbers and names as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }); // made once: making one is dear

export const seconds = (s) => (s < 0.95 ? `${s.toFixed(2)} s` : s < 100 ? `${s.toFixed(1)} s` : `${Math.round(s)} s`);

export const rate = (r) => (!Number.isFinite(r) ? "–" : r < 100 ? r.toFixed(1) : WHOLE.format(r));

export const factor = (f) => (Number.isFinite(f) ? `${f < 10 ? f.toFixed(2) : f.toFixed(1)}×` : "–");

export const percent = (p) => `${Math.round(p * 100)} %`;

export const milliseconds = (ms) => `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`;

export const count = (n, one, many = `${one}s`) => `${WHOLE.format(n)} ${n === 1 ? one : many}`;

/** Short names of the modes: what a lane is headed with. */
export const MODES = {
  autoregressive: { short: "AR", long: "autoregressive" },
  speculative: { short: "SD", long: "token-level speculative decoding" },
  lookahead: { short: "LR", long: "lookahead reasoning" },
  "lookahead+speculative": { short: "LR+SD", long: "lookahead reasoning + speculative decoding" },
  auto: { short: "Auto", long: "the scheme that pays" },
  specreason: { short: "SpecReason", long: "score-based step speculation" },
};

/** Time of day of an ISO timestamp, with the date where it is not today. */
export function moment(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString()} ${time}`;
}
