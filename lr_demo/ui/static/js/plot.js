// Plotly.js: loaded from our own server, and the look that all charts share.

import { el } from "./dom.js";
import { url } from "./transport.js";

/** Calls back when the browser has nothing better to do. */
export const whenIdle = (work) => (window.requestIdleCallback ? requestIdleCallback(work) : setTimeout(work, 200));

let plotly = null;

/** Plotly.js, loaded once, when the page has nothing better to do. */
export function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    whenIdle(() => {
      if (window.Plotly) {
        resolve(window.Plotly); // the page brought it
        return;
      }
      const script = el("script", { src: url("live-static/plotly.js") });
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("The charts could not be loaded."));
      document.head.append(script);
    });
  });
  return plotly;
}

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

/** Names above a chart, in a row; they switch nothing off. */
export const LEGEND = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11.5 }, traceorder: "normal", itemclick: false, itemdoubleclick: false };

const LABELS = { ticklabeloverflow: "allow" }; // the margins hold them: measuring each is a tenth of a drawing's time

let stamp = ""; // what every chart says behind its curves, in a picture of it too

/** @param {string} words such as "simulated"; empty for none */
export const stampCharts = (words) => (stamp = words);

/** What all charts look like. */
export function layout(palette, extra) {
  const axis = { ...LABELS, gridcolor: palette.line, zerolinecolor: palette.line, linecolor: palette.line, fixedrange: true };
  return {
    margin: { l: 46, r: 14, t: 8, b: 36 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: palette.mut },
    showlegend: false,
    hoverlabel: { bgcolor: palette.panel, bordercolor: palette.line, font: { color: palette.ink } },
    ...extra,
    annotations: [...(extra.annotations ?? []), ...stamps(palette)],
    xaxis: { ...axis, ...extra.xaxis },
    yaxis: { ...axis, ...extra.yaxis },
  };
}

const stamps = (palette) => (stamp ? [{ text: stamp, xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, opacity: 0.22, font: { size: 30, color: palette.judge } }] : []);

/** Draws a chart, or draws it anew. Shapes between the grid and the data that are no more are left standing by Plotly. */
export function react(Plotly, node, data, shape) {
  const shapes = shape.shapes?.length ?? 0;
  for (const drawn of node.querySelectorAll(".layer-between [data-index]")) if (Number(drawn.dataset.index) >= shapes) drawn.remove();
  return Plotly.react(node, data, shape, CONFIG);
}

/** Gives a chart axes before its first data, in two steps; true where there was something left to do. */
export function prepareAxes(Plotly, node, palette) {
  if (node.layout && node.layout.xaxis.visible !== false) return false;
  const axis = { range: [0, 1], showticklabels: false, visible: Boolean(node.layout) };
  react(Plotly, node, [], layout(palette, { xaxis: axis, yaxis: axis }));
  return true;
}

/** A Plotly for a chart's first drawing, in up to three tasks: the axes, what is drawn on them, and the legend. */
export class FirstDrawing {
  constructor(Plotly) {
    this.Plotly = Plotly;
    this.done = 0;
    this.more = true;
  }

  react(node, data, shape, config) {
    const bare = { ...shape, showlegend: false };
    this.more = this.done++ === 0 || (this.done === 2 && shape.showlegend);
    if (this.done === 1) this.Plotly.react(node, [], { ...bare, shapes: [], annotations: [] }, config);
    else this.Plotly.react(node, data, this.more ? bare : shape, config);
  }
}
