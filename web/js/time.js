// Ranges, intervals and clocks. Knows arithmetic on time and how people write it; refuses to know what is charted.

export const DEFAULT_MINUTES = 360;

/** @type {[number, string][]} */
export const RANGES = [
  [15, "last 15 minutes"],
  [60, "last hour"],
  [360, "last 6 hours"],
  [1_440, "last 24 hours"],
  [10_080, "last 7 days"],
];

/** Minutes a point, for people to choose from. */
export const INTERVALS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1_440];

/** @param {import("./state.js").State} state */
export const minutesOf = (state) => (state.start ? Math.max(1, Math.round((state.end - state.start) / 60)) : state.minutes);

/** The range as the API's parameters. @param {import("./state.js").State} state @returns {import("./ask.js").Parameters} */
export const rangeOf = (state) =>
  state.start ? [["start", String(state.start)], ["end", String(state.end)]] : [["minutes", String(state.minutes)]];

/** The interval that makes no more points than pixels. @param {number} minutes @param {number} width in pixels @returns {number} */
export const fitting = (minutes, width) =>
  INTERVALS.find((interval) => Math.ceil(minutes / interval) <= width) ?? INTERVALS[INTERVALS.length - 1] ?? 1;

/** The interval to ask for. @param {import("./state.js").State} state @param {number} width */
export const intervalOf = (state, width) => Math.max(state.interval, fitting(minutesOf(state), width));

/** @param {number} minutes */
export const lasting = (minutes) =>
  minutes % 1_440 === 0 ? `${minutes / 1_440} d` : minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;

/** @param {boolean} utc */
const zone = (utc) => (utc ? { timeZone: "UTC" } : {});

/** @param {number} at Unix seconds @param {boolean} utc @param {boolean} [day] */
export const clock = (at, utc, day = false) =>
  new Date(at * 1000).toLocaleString([], {
    hour: "2-digit",
    minute: "2-digit",
    ...(day ? { year: "numeric", month: "short", day: "numeric" } : {}),
    ...zone(utc),
  });

/** The name of the time zone. @param {boolean} utc */
export const zoneName = (utc) => (utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone);

/** @param {number} seconds */
export function ago(seconds) {
  const minutes = Math.round(Math.max(0, seconds) / 60);
  return minutes < 1 ? "just now" : minutes < 120 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}
