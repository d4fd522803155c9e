// The one stream of what the servers are and how far: whoever on the page wants it shares it.

import { Stream } from "../transport.js";

const followers = [];
let stream = null;
let latest = null;
let connection = null;

/**
 * @param {(message: object) => void} onMessage called with every state of the fleet, the present one first
 * @param {(state: "open" | "lost" | "gone") => void} onState of the connection
 */
export function followFleet(onMessage, onState = () => {}) {
  followers.push({ onMessage, onState });
  if (latest) onMessage(latest);
  if (connection) onState(connection);
  stream ??= new Stream(
    () => "fleet/events",
    { fleet: (message) => followers.forEach((follower) => follower.onMessage((latest = message))) },
    (state) => followers.forEach((follower) => follower.onState((connection = state))),
  );
}
