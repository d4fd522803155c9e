// A race in a page of its own: the stage of the Live page, what it was measured on, light or dark.

import { el, setText } from "../dom.js";
import { Stage } from "../stage.js";
import { race, startOf } from "./transport.js";

/** When and on what it was measured, and by which models. */
function provenance() {
  const { simulated, started_at, hardware, models } = startOf(race.id);
  const date = new Date(started_at);
  const when = Number.isNaN(date.getTime()) ? "" : date.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
  const players = Object.entries(models).map(([role, model]) => `${role} ${model}`).join(" · ");
  return [`${simulated ? "◇ simulated" : "◷ recorded"} ${when}`, hardware && `on ${hardware}`, simulated ? "" : players].filter(Boolean);
}

function themeButton() {
  const button = el("button.quiet", { type: "button" });
  const say = () => setText(button, document.body.classList.contains("dark") ? "☀ light" : "☾ dark");
  button.addEventListener("click", () => {
    document.body.classList.toggle("dark");
    say();
  });
  document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
  say();
  return button;
}

/** Plotly.js, unpacked: a script whose digest the page's policy names. */
async function unpackCharts() {
  const packed = Uint8Array.from(atob(JSON.parse(document.getElementById("ll-charts").textContent)), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = el("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function begin() {
  await unpackCharts().catch(() => {}); // the charts say that they are not there
  const root = el("main.ll-stage");
  const labels = provenance().map((text) => el("span.chip", {}, text));
  labels[0].dataset.look = startOf(race.id).simulated ? "simulated" : "recorded";
  const head = el("header.ll-masthead", {}, el("div.bar1", {}, el("h1", {}, "Lookahead Live"), ...labels, el("span.push"), el("div.ll-stage", {}, themeButton())));
  document.getElementById("ll-offline").replaceChildren(head, root);
  const stage = new Stage(root, { ended() {}, shown() {} });
  stage.asked = race.id;
  stage.begin(race);
}

begin();
