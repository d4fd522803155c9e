// The bar under the lanes: the moment of the race that is shown, replay at any speed, any moment by hand.

import { el, setText } from "./dom.js";
import { seconds } from "./format.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];

export class Playback {
  constructor(race) {
    this.race = race;
    this.button = el("button.quiet.play.away", { type: "button", onclick: () => this.toggle() }, "↻ replay");
    this.slider = el("input.moment", { type: "range", min: "0", max: "1", step: "any", value: "0", disabled: true, "aria-label": "Moment of the race" });
    this.slider.addEventListener("input", () => race.seek(Number(this.slider.value)));
    this.time = el("span.time", {}, "0.00 s");
    this.speed = el("select", { "aria-label": "Speed of replays" }, ...SPEEDS.map((speed) => el("option", { value: speed }, `${speed}×`)));
    this.speed.value = "1";
    this.speed.addEventListener("change", () => race.setRate(Number(this.speed.value)));
    this.skip = el("button.quiet.skip.away", { type: "button", onclick: () => race.skip() }, "skip to the end");
    this.node = el("div.panel.playback", { role: "group", "aria-label": "Replay" }, this.button, this.slider, this.time, this.speed, this.skip);
  }

  /** Says where the race is. */
  update() {
    const { race } = this;
    const { moment, duration } = race;
    const ready = race.replayable && (race.over || race.clock !== null);
    setText(this.button, race.replaying ? "❚❚ pause" : moment < duration ? "▶ play" : "↻ replay");
    this.button.classList.toggle("away", !ready);
    this.skip.classList.toggle("away", !(race.replaying || race.sides.some((side) => race.isGhost(side) && !side.done)));
    this.slider.disabled = !ready;
    this.slider.max = String(Math.max(duration, moment, 0.01));
    this.slider.value = String(moment);
    const text = ready ? `${seconds(moment)} of ${seconds(duration)}` : seconds(moment);
    setText(this.time, text);
    this.slider.setAttribute("aria-valuetext", text);
  }

  /** False where there is nothing to replay yet. */
  toggle() {
    if (!this.race.replayable) return false;
    if (this.race.replaying) this.race.pause();
    else this.race.play();
    this.update();
    return true;
  }

  /** Moves by some seconds, or to the start (-Infinity) or the end (Infinity); false where there is nothing to replay yet. */
  move(by) {
    if (!this.race.replayable) return false;
    this.race.seek(this.race.moment + by);
    this.update();
    return true;
  }

  /** @param {1 | -1} by one speed up or down */
  faster(by) {
    const at = SPEEDS.indexOf(Number(this.speed.value)) + by;
    if (!(at in SPEEDS)) return;
    this.speed.value = String(SPEEDS[at]);
    this.race.setRate(SPEEDS[at]);
  }
}
