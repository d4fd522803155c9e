// How fast a server wrote in the last minute: a small curve, drawn by ourselves.

import { el, setText, show } from "../dom.js";
import { perSecond } from "./words.js";

const SPACE = "http://www.w3.org/2000/svg";
const SECONDS = 60;
const WIDTH = 300;
const HEIGHT = 48;
const GAP = 4; // seconds without a point: the curve is interrupted
const SAME = 200; // ms: two points closer than that are one, told again by a new connection
const LEAST_TOP = 10; // tokens/s: noise of an idle server must not fill the height

function svg(tag, attributes) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export class Spark {
  constructor() {
    this.points = []; // { t: ms of performance.now(), y: tokens/s }
    this.area = svg("path", { class: "area" });
    this.line = svg("path", { class: "curve", "vector-effect": "non-scaling-stroke" });
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    picture.append(this.area, this.line);
    this.top = el("span.top");
    this.span = el("span.span", {}, "last minute");
    this.none = el("span.none");
    this.node = el("div.spark", {}, picture, this.top, this.span, this.none);
  }

  /** @param {[number, number][]} pace new points: age in seconds, tokens per second */
  add(pace) {
    const now = performance.now();
    for (const [age, y] of pace) {
      const t = now - age * 1000;
      if (t > (this.points.at(-1)?.t ?? -Infinity) + SAME) this.points.push({ t, y });
    }
    const oldest = now - SECONDS * 1000;
    while (this.points.length && this.points[0].t < oldest) this.points.shift();
    this.draw(now);
  }

  /** What stands there while there is no point. */
  empty(text) {
    setText(this.none, text);
    this.draw(performance.now());
  }

  draw(now) {
    const peak = Math.max(0, ...this.points.map((point) => point.y));
    const most = Math.max(LEAST_TOP, peak);
    const x = (point) => (WIDTH * (1 - (now - point.t) / 1000 / SECONDS)).toFixed(1);
    const y = (point) => (HEIGHT - 1 - (HEIGHT - 4) * (point.y / most)).toFixed(1);
    let line = "", area = "", last = null;
    for (const point of this.points) {
      const goesOn = last && point.t - last.t < GAP * 1000;
      if (!goesOn && last) area += `L${x(last)} ${HEIGHT}Z`;
      line += `${goesOn ? "L" : "M"}${x(point)} ${y(point)}`;
      area += goesOn ? `L${x(point)} ${y(point)}` : `M${x(point)} ${HEIGHT}L${x(point)} ${y(point)}`;
      last = point;
    }
    if (last) area += `L${x(last)} ${HEIGHT}Z`;
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
    setText(this.top, `peak ${perSecond(peak)}`);
    show(this.top, this.points.length > 0);
    show(this.span, this.points.length > 0);
    show(this.none, this.points.length === 0);
  }
}
