// A small chart as a template: a line over windows with the band of what is usual, a dot for each value outside the band,
// and its scale in words beside it. Knows how that looks and is said. Does not know where points come from.

import { clock, dated, fromTo } from "./clock.js";
import { html, nothing, svg } from "./html.js";
import { extremes, isOutside, scaleOf, shapes } from "./lines.js";
import { alike, written } from "./numbers.js";

const DAY = 86_400; // seconds

/**
 * @typedef {import("./lines.js").Point} Point
 * @typedef {{title: string, unit: string, utc: boolean, step: number, scale?: import("./lines.js").Scale}} Look
 *   `title`: what the line is, for its sentence. `step`: seconds from one point to the next. `scale`: if several charts
 *   share one; else the chart's own
 */

/** Its scale, or what it was given; null if there is nothing to draw. @param {Point[]} points @param {Look} look */
const scaleFor = (points, look) => (extremes(points) ? (look.scale ?? scaleOf(points)) : null);

/** The chart in words. @param {Point[]} points oldest first @param {Look} look */
export function sparkInWords(points, { title, unit, utc, step }) {
  const found = extremes(points);
  const [first, last] = [points[0], points.at(-1)];
  if (!found || !first || !last) return `${title}: no data.`;
  const { lowest, highest, newest } = found;
  const [least, most] = alike([lowest, highest], unit);
  const values = lowest === highest ? `always ${most}` : `${least} to ${most}, at last ${written(newest, unit)}`;
  const banded = points.findLast(({ low, high }) => typeof low === "number" && typeof high === "number");
  const [low, high] = alike([banded?.low, banded?.high], unit);
  const usual = banded ? ` At last ${low} to ${high} would be usual.` : "";
  const outside = points.filter(isOutside).length;
  const count = outside ? ` ${outside} of ${points.length} values are outside of what is usual.` : banded ? " No value is outside of what is usual." : "";
  return `${title}, ${fromTo(first.at, last.at + step, utc)}: ${values}.${usual}${count}`;
}

/** The chart alone, as wide as its place. For tables, whose head says the scale. @param {Point[]} points oldest first @param {Look} look */
export function sparkLine(points, look) {
  const scale = scaleFor(points, look);
  const { line, band, expected, outside } = scale ? shapes(points, look.step, scale) : { line: "", band: "", expected: "", outside: "" };
  return html`<svg class="spark-line" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=${sparkInWords(points, look)}>
    ${band ? svg`<path class="band" d=${band}></path>` : nothing}
    ${expected ? svg`<path class="expected" d=${expected}></path>` : nothing}
    ${line ? svg`<path class="line" d=${line}></path>` : nothing}
    ${outside ? svg`<path class="outside" d=${outside}></path>` : nothing}
  </svg>`;
}

/**
 * The chart with its scale: the values of its upper and lower edge to its right, and its time below. Its place is as high
 * while it is empty. Screen readers get its sentence instead.
 * @param {Point[]} points oldest first @param {Look} look
 */
export function spark(points, look) {
  const scale = scaleFor(points, look);
  const [low, high] = scale ? alike([scale.low, scale.high], look.unit) : [];
  return html`<div class="spark">
    ${sparkLine(points, look)}
    <div class="spark-values" aria-hidden="true"><span>${high}</span><span>${low === high ? nothing : low}</span></div>
    <div class="spark-times" aria-hidden="true">${scale ? html`<span>${edge(scale, look.utc)}</span><span>${clock(scale.end + look.step, look.utc)}</span>` : nothing}</div>
  </div>`;
}

/** When a chart begins: the time, and the day if it is longer than one. @param {{start: number, end: number}} scale @param {boolean} utc */
const edge = ({ start, end }, utc) => (end - start < DAY ? clock(start, utc) : dated(start, utc));
