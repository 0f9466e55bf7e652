// A matrix of groups by counters, as get-matrix answers it: its rows, how far each cell is from normal, and in which words.
// Knows no document and no addresses.

import { isService } from "./figures.js";
import { alike, between } from "./numbers.js";

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {{group: string | null, key: string, value: number, count: number, sum: number, expected: number | null, low: number | null,
 *   high: number | null, score: number | null, worse: boolean | null, since: number | null, judged: number | null, above: number | null,
 *   below: number | null, reason: string | null}} Cell
 * @typedef {{window: number | null, keys: string[], of: number, final: boolean | null, reason: string | null, data: Cell[]}} Matrix
 * @typedef {{group: string | null, cells: Map<string, Cell>}} Row
 * @typedef {{side: "" | "worse" | "other", level: 0 | 1 | 2 | 3}} Distance `level`: from 0, as usual, to 3
 */

const [NEAR, FAR, FARTHEST] = [0.5, 2, 5]; // in widths of the band beyond it: where each level begins
const SHARE = 0.25; // of a group's VMs: if so many are unusual, it is shown, though their average may be as usual
const FEWEST = 2;

/** The groups in the order of the answer. @param {Cell[]} cells @returns {Row[]} */
export function rowsOf(cells) {
  /** @type {Map<string | null, Row>} */
  const rows = new Map();
  for (const cell of cells) {
    const row = rows.get(cell.group) ?? { group: cell.group, cells: new Map() };
    row.cells.set(cell.key, cell);
    rows.set(cell.group, row);
  }
  return [...rows.values()];
}

/** How many of a group's VMs are unusual to the side to which more of them are. @param {Cell} cell */
function deviating({ judged, above, below }) {
  const [up, down] = [above ?? 0, below ?? 0];
  return { vms: Math.max(up, down), of: judged ?? 0, high: up >= down };
}

/** How far a cell is from normal. @param {Cell} cell @param {Counter["worse"] | undefined} worse the counter's worse side @returns {Distance} */
export function distance(cell, worse) {
  const size = Math.abs(cell.score ?? 0);
  if (size >= NEAR) return { side: cell.worse ? "worse" : "other", level: size >= FARTHEST ? 3 : size >= FAR ? 2 : 1 };
  const { vms, of, high } = deviating(cell);
  const better = worse === (high ? "low" : "high");
  if (better || vms < FEWEST || vms < SHARE * of) return { side: "", level: 0 };
  return { side: worse === "none" ? "other" : "worse", level: 1 };
}

/** Whether anything of a row was compared with what is normal. @param {Row} row */
export const isKnown = ({ cells }) => [...cells.values()].some(({ score, judged }) => score !== null || judged !== null);

/** How many rows have a cell on its worse side, and how many others have one that is unusual in another way. @param {Row[]} rows @param {Counter[]} counters */
export function unusual(rows, counters) {
  const sides = rows.map((row) => counters.flatMap(({ key, worse }) => {
    const cell = row.cells.get(key);
    return cell ? distance(cell, worse).side : "";
  }));
  const worse = sides.filter((each) => each.includes("worse")).length;
  return { worse, other: sides.filter((each) => each.some(Boolean)).length - worse };
}

/**
 * Order rows by one counter: the farthest from normal on its worse side first, then the worse value. Those without it last.
 * @param {Row[]} rows @param {Counter} counter
 */
export function sorted(rows, { key, worse }) {
  const sign = worse === "low" ? 1 : -1;
  const rank = (/** @type {Cell} */ cell) => {
    const { side, level } = distance(cell, worse);
    return side === "worse" ? 10 + level : level;
  };
  return [...rows].sort((one, other) => {
    const [a, b] = [one.cells.get(key), other.cells.get(key)];
    if (!a || !b) return Number(!a) - Number(!b);
    return rank(b) - rank(a) || Math.abs(b.score ?? 0) - Math.abs(a.score ?? 0) || sign * (a.value - b.value);
  });
}

/** Order rows by the largest share of their VMs that is unusual by one of the counters, to its worse side first. @param {Row[]} rows @param {Counter[]} counters */
export function byShare(rows, counters) {
  const shares = new Map(rows.map((row) => [row, counters.map(({ key, worse }) => {
    const cell = row.cells.get(key);
    const { side } = cell ? distance(cell, worse) : { side: "" };
    const { vms, of } = cell && side ? deviating(cell) : { vms: 0, of: 1 };
    return vms / of + (side === "worse" ? 1 : 0);
  })]));
  const most = (/** @type {Row} */ row) => Math.max(0, ...(shares.get(row) ?? []));
  return rows.toSorted((one, other) => most(other) - most(one) || ((one.group ?? "") < (other.group ?? "") ? -1 : 1));
}

/** The figures of a column, alike: of a service, on how many VMs it runs. @param {(Cell | undefined)[]} cells @param {Counter} counter */
export function figures(cells, { key, unit }) {
  if (!isService(key)) return alike(cells.map((cell) => cell?.value), unit);
  return cells.map((cell) => (cell ? (cell.count === 1 ? (cell.sum ? "running" : "stopped") : `${Math.round(cell.sum)} of ${cell.count}`) : "–"));
}

/** What an unusual cell is compared with, in words; none if it is as usual. @param {Cell} cell @param {Counter} counter @returns {string[]} */
export function compared(cell, { key, unit, worse }) {
  if (!distance(cell, worse).level) return [];
  const { vms, of, high } = deviating(cell);
  if (isService(key)) return [cell.count === 1 ? "usually running" : vms ? `stopped on ${vms}` : "usually on all"];
  const usual = cell.low !== null && cell.high !== null ? [`usually ${between(cell.low, cell.high, unit)}`] : [];
  return [...usual, ...(vms && of > 1 ? [`${vms} of ${of} VMs ${high ? "high" : "low"}`] : [])];
}
