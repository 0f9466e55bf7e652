// When a counter was at its limit: processor, memory and page file near all, free disk space near nothing. Pure: knows values
// and times, not how they are written.

/**
 * @typedef {{key: string, limit: number, falling: boolean}} Limit in the counter's unit; `falling`: it is reached from above
 * @typedef {{start: number, end: number, worst: number}} Span Unix seconds; `worst`: the value that is farthest beyond
 */

/** The same as the API's own limits (`get-capacity`): 95 for counters in percent, 5 for those that are bad when low. @type {Limit[]} */
export const LIMITS = [
  { key: "win_cpu.percent_processor_time", limit: 95, falling: false },
  { key: "win_mem.percent_used", limit: 95, falling: false },
  { key: "win_swap.percent_usage", limit: 95, falling: false },
  { key: "win_disk.percent_free_space", limit: 5, falling: true },
];

const HALF = 30; // seconds: a point's time is the middle of its last minute

/**
 * The times in which a counter was at its limit or beyond, the newest first. A point without a value, or a gap of more than a
 * point, ends a span.
 * @param {{timestamp: number, value: number | null}[]} points oldest first @param {number} step seconds of a point
 * @param {Limit} limit @returns {Span[]}
 */
export function atLimit(points, step, { limit, falling }) {
  /** @type {Span[]} */
  const spans = [];
  for (const { timestamp, value } of points) {
    if (value === null || (falling ? value > limit : value < limit)) continue;
    const last = spans.at(-1);
    const end = timestamp + HALF;
    if (last && end - last.end <= step) {
      last.end = end;
      last.worst = falling ? Math.min(last.worst, value) : Math.max(last.worst, value);
    } else spans.push({ start: end - step, end, worst: value });
  }
  return spans.reverse();
}

/** @param {Span[]} spans @returns {number} how many minutes they last together */
export const minutesIn = (spans) => Math.round(spans.reduce((sum, { start, end }) => sum + end - start, 0) / 60);
