// The axes of charts: the positions and texts of their marks. Knows clocks and units. Does not know what is charted.

import { clock, day, offset } from "./clock.js";
import { alike, asPower } from "./numbers.js";

const [MINUTE, HOUR, DAY] = [60, 3_600, 86_400];
const QUARTER = 900; // clocks differ from UTC by quarters of an hour
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((each) => each * MINUTE), ...[1, 2, 3, 6, 12].map((each) => each * HOUR), ...[1, 2, 4, 8, 16, 32].map((each) => each * DAY),
];
const POWERS_OF_TWO = Array.from({ length: 1_060 }, (_, power) => 2 ** (power - 40)); // up to the largest number
const ROOM = 90; // pixels that a time or a day takes
const SIDE = 90; // and the widest value
const WIDEST = 11; // characters

/** Moments at which the clock shows a multiple of a step. @param {number} start @param {number} end @param {number} step seconds @param {boolean} utc */
export function marks(start, end, step, utc) {
  const by = step < QUARTER ? MINUTE : QUARTER;
  const found = [];
  for (let at = Math.ceil(start / by) * by; at <= end; at += by) {
    if ((at + offset(at, utc)) % step === 0) found.push(at);
  }
  return found;
}

/** Times, with the day if it differs from the day of the time before. @param {number[]} times @param {boolean} utc */
export function times(times, utc) {
  const daily = times.every((at) => (at + offset(at, utc)) % DAY === 0);
  return times.map((at, place) => {
    const today = day(at, utc);
    if (daily && times.length > 1) return today;
    const before = times[place - 1];
    return before !== undefined && day(before, utc) === today ? clock(at, utc) : `${clock(at, utc)}\n${today}`;
  });
}

/** Values that fit beside their marks: alike, or as powers of ten, which are always short. @param {number[]} values @param {string} unit */
function beside(values, unit) {
  const texts = alike(values, unit);
  return texts.every((text) => text.length <= WIDEST) ? texts : values.map((value) => `${value ? asPower(value) : 0} ${unit}`.trim());
}

/** @param {string} unit @param {boolean} utc @param {(name: string) => string} colour @returns {import("uplot").Axis[]} */
export function axes(unit, utc, colour) {
  const look = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
  return [
    {
      ...look, space: ROOM, incrs: STEPS,
      splits: (_plot, _axis, start, end, step) => marks(start, end, step, utc),
      values: (_plot, at) => times(at, utc),
    },
    {
      ...look, size: SIDE,
      ...(unit.startsWith("B") ? { incrs: POWERS_OF_TWO } : {}),
      values: (_plot, values) => beside(values, unit),
    },
  ];
}
