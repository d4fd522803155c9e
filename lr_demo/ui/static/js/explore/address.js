// Where the Explore page is: the history, a comparison or a sweep, as the address says it.

import { url } from "../transport.js";

const OWN = ["compare", "sweep", "from"];

/** What the address asks for: `{ view: "history" | "compare" | "sweep", runs, sweep, from }`. */
export function place() {
  const asked = new URLSearchParams(location.search);
  if (asked.has("compare")) return { view: "compare", runs: asked.get("compare").split(",").filter(Boolean) };
  if (asked.has("sweep")) return { view: "sweep", sweep: asked.get("sweep"), from: asked.get("from") };
  return { view: "history" };
}

/** The address of a place; what belongs to others in it stays. */
export function addressOf(wanted) {
  const address = new URL(location.href);
  for (const name of OWN) address.searchParams.delete(name);
  for (const [name, value] of Object.entries(wanted)) if (value) address.searchParams.set(name, value);
  return address.href.replaceAll("%2C", ",");
}

/** The address of a place as it is shared: with nothing in it but the place. */
export function linkTo(wanted) {
  const address = new URL(url("explore"));
  for (const [name, value] of Object.entries(wanted)) address.searchParams.set(name, value);
  return address.href.replaceAll("%2C", ",");
}

/** The Live page with a run. */
export const liveAddress = (run) => url(`?race=${encodeURIComponent(run)}`);
