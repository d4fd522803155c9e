// A chart as a file: PNG or SVG, with what the run was and where its figures come from in the picture.

import { MODES } from "./format.js";
import { el } from "./dom.js";
import { escaped, label } from "./provenance.js";

const WIDTH = 1280;
const LINE = 120; // characters of a line of the heading

/** Lines of at most `LINE` characters, cut between words. */
function lines(text) {
  const found = [""];
  for (const word of text.split(/\s+/)) {
    const last = found[found.length - 1];
    if (last.length + word.length > LINE && last) found.push(word);
    else found[found.length - 1] = last ? `${last} ${word}` : word;
  }
  return found;
}

/** What stands above the picture: the chart, the problem, the settings, the models, the label. */
export function heading(chart, race) {
  const { info, run, mode } = race;
  const started = run.state.started;
  const models = Object.entries(started?.models ?? {}).map(([role, name]) => `${role} ${name}`);
  const settings = [MODES[mode]?.short ?? mode, ...(info?.labels ?? []), ...models].join(" · ");
  const prompt = (info?.prompt ?? "").replace(/\s+/g, " ").slice(0, LINE - 2);
  const { look, words } = label(race);
  const told = lines(`${settings} · run ${info?.id ?? ""}`).map(escaped);
  return [`<b>${escaped(chart.title)}</b> · ${escaped(prompt)}`, ...told, `<b>${look.toUpperCase()}</b>${escaped(words.slice(look.length))}`];
}

export async function savePicture(chart, format) {
  const { Plotly, plot, race, palette } = chart;
  const above = heading(chart, race);
  const { layout } = plot;
  const top = 34 + 19 * above.length;
  const height = Math.max(420, plot.clientHeight + 60) + top;
  const figure = {
    data: plot.data,
    layout: {
      ...layout,
      autosize: false,
      paper_bgcolor: palette.panel,
      margin: { ...layout.margin, t: top, l: layout.margin.l + 10, r: layout.margin.r + 10 },
      title: { text: above.join("<br>"), x: 0.01, xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 20 }, font: { size: 14, color: palette.ink } },
    },
  };
  const address = await Plotly.toImage(figure, { format, width: WIDTH, height, scale: format === "png" ? 2 : 1 });
  const name = `${race.info?.id ?? "run"}-${chart.key}.${format}`;
  el("a", { href: address, download: name }).click();
}
