// Asks the server for JSON, and has its own sentence where it refuses.

import { url } from "../transport.js";

/** JSON of a route. Throws with what the server says is wrong. */
export async function askJson(path) {
  let answer;
  try {
    answer = await fetch(url(path), { headers: { accept: "application/json" } });
  } catch {
    throw new Error("The server cannot be reached; reload the page when it is back");
  }
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(typeof said?.detail === "string" ? said.detail : `The server answered ${answer.status}`);
  return said;
}
