// A heatmap of how a counter's values are spread over time, with its scales in words, and a sentence for screen readers.
// Knows how it looks and is said; heat.js makes its cells.

import { clock, dated, fromTo } from "./clock.js";
import { heat, LEVELS, quantile } from "./heat.js";
import { html, svg } from "./html.js";
import { alike, percent } from "./numbers.js";

const DAY = 86_400; // seconds
const SPREAD = [0.1, 0.5, 0.9];

/** @typedef {{title: string, unit: string, utc: boolean, step: number}} Look `step`: seconds from one column to the next */

/** @param {import("./heat.js").Column[]} columns oldest first @param {Look} look */
export function heatmap(columns, look) {
  const { unit, utc, step } = look;
  const found = heat(columns, step, unit === "%");
  const [first, last] = [columns[0], columns.at(-1)];
  if (!found || !first || !last) return html`<p class="empty">No values in this range. Choose another time range.</p>`;
  const { columns: wide, rows, paths, low, high, most, logarithmic } = found;
  const [bottom, top] = alike([low, high], unit);
  const edge = last.timestamp - first.timestamp < DAY ? clock : dated;
  return html`<div class="heatmap">
    <svg viewBox=${`0 0 ${wide} ${rows}`} preserveAspectRatio="none" role="img" aria-label=${inWords(columns, look)}>
      ${paths.map((d, level) => svg`<path class=${`heat-${level + 1}`} d=${d}></path>`)}
    </svg>
    <div class="spark-values" aria-hidden="true"><span>${top}</span><span>${bottom === top ? "" : bottom}</span></div>
    <div class="spark-times" aria-hidden="true"><span>${edge(first.timestamp, utc)}</span><span>${edge(last.timestamp + step, utc)}</span></div>
    <p class="heat-scale note"><span>Share of all values at that time: few</span>
      <svg viewBox=${`0 0 ${LEVELS} 1`} preserveAspectRatio="none" aria-hidden="true">${paths.map((_, level) => svg`<path class=${`heat-${level + 1}`} d=${`M${level} 0h1v1h-1z`}></path>`)}</svg>
      <span>${percent(most)}.</span>${logarithmic ? html` <span>Rows are wider for larger values.</span>` : ""}</p>
  </div>`;
}

/** @param {import("./heat.js").Column[]} columns @param {Look} look */
function inWords(columns, { title, unit, utc, step }) {
  const filled = columns.filter(({ count }) => count);
  const [first, last] = [/** @type {import("./heat.js").Column} */ (filled[0]), /** @type {import("./heat.js").Column} */ (filled.at(-1))];
  const spread = (/** @type {import("./heat.js").Column} */ column) => {
    const [low, middle, high] = alike(SPREAD.map((share) => quantile(column, share)), unit);
    return `half of the values up to ${middle}, 8 of 10 from ${low} to ${high}`;
  };
  return `How the values of ${title} are spread, ${fromTo(first.timestamp, last.timestamp + step, utc)}. At first ${spread(first)}; at last ${spread(last)}.`;
}
