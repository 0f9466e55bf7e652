// A matrix: how far each cell is from normal, what is said of it, and in which order groups come.

import assert from "node:assert/strict";
import { test } from "node:test";

import { byShare, compared, distance, figures, isKnown, rowsOf, sorted, unusual } from "../../../web/js/matrix.js";

/** @typedef {import("../../../web/js/matrix.js").Cell} Cell */

const COUNTER = { key: "win_cpu.time", title: "Processor time", unit: "%", group: "", newest: 0, rule: /** @type {const} */ ("avg"), worse: /** @type {const} */ ("high") };
const SERVICE = { ...COUNTER, key: "win_service.x", unit: "", worse: /** @type {const} */ ("low") };
/** @param {Partial<Cell>} more @returns {Cell} */
const cell = (more) => ({
  group: "a", key: COUNTER.key, value: 20, count: 10, sum: 200, expected: 20, low: 15, high: 25, score: 0, worse: null, since: null,
  judged: 10, above: 0, below: 0, reason: null, ...more,
});

test("the farther a value is, the higher its level; towards worse it has another side", () => {
  const levels = [0, 0.6, 2, 5, 900].map((score) => distance(cell({ score, worse: score ? true : null }), "high").level);
  assert.deepEqual(levels, [0, 1, 2, 3, 3]);
  assert.equal(distance(cell({ score: -3, worse: false }), "high").side, "other");
  assert.equal(distance(cell({ score: 3, worse: null }), "none").side, "other");
});

test("an average that is as usual has a colour if many of its VMs are worse than usual, not if few are, or better", () => {
  assert.deepEqual(distance(cell({ above: 3 }), "high"), { side: "worse", level: 1 });
  assert.deepEqual(distance(cell({ above: 2 }), "high"), { side: "", level: 0 });
  assert.deepEqual(distance(cell({ below: 9 }), "high"), { side: "", level: 0 });
  assert.deepEqual(distance(cell({ score: null, judged: null, above: null, below: null }), "high"), { side: "", level: 0 });
});

test("an unusual cell says what is usual, with its unit once, and how many VMs are so", () => {
  assert.deepEqual(compared(cell({ score: 3, worse: true, above: 7 }), COUNTER), ["usually 15\u00a0–\u00a025\u00a0%", "7 of 10 VMs high"]);
  assert.deepEqual(compared(cell({ score: 3, worse: true, low: 25, judged: null, above: null, below: null }), COUNTER), ["usually 25 %"]);
  assert.deepEqual(compared(cell({}), COUNTER), []);
});

test("a service says on how many VMs it runs", () => {
  const [some, one] = [cell({ key: SERVICE.key, sum: 8 }), cell({ key: SERVICE.key, count: 1, sum: 0, score: -9, worse: true, judged: null, above: null, below: null })];
  assert.deepEqual(figures([some, one, undefined], SERVICE), ["8 of 10", "stopped", "–"]);
  assert.deepEqual(compared(one, SERVICE), ["usually running"]);
  assert.deepEqual(compared({ ...some, below: 3 }, SERVICE), ["stopped on 3"]);
});

test("a group of which nothing was compared is not known", () => {
  const unknown = { score: null, judged: null };
  const cells = [cell({ group: "new", ...unknown }), cell({ group: "new", key: "b", ...unknown }), cell({}), cell({ group: "counted", score: null })];
  assert.deepEqual(rowsOf(cells).map(isKnown), [false, true, true]);
});

test("groups keep their order, or come by one counter: the worst first, then the worse values, and last those without it", () => {
  const cells = [
    cell({ group: "none", key: "other" }), cell({ group: "low", value: 10 }), cell({ group: "high", value: 90 }),
    cell({ group: "odd", value: 1, score: -4, worse: false }), cell({ group: "bad", value: 50, score: 3, worse: true }),
  ];
  const rows = rowsOf(cells);
  assert.deepEqual(rows.map((row) => row.group), ["none", "low", "high", "odd", "bad"]);
  assert.deepEqual(sorted(rows, COUNTER).map((row) => row.group), ["bad", "odd", "high", "low", "none"]);
  assert.deepEqual(unusual(rows, [COUNTER]), { worse: 1, other: 1 });
});

test("groups of which only their VMs are judged come by the share of these that is unusual, to the worse side first", () => {
  const of = (/** @type {string} */ group, /** @type {Partial<Cell>} */ more) => cell({ group, score: null, ...more });
  const rows = rowsOf([of("usual", {}), of("better", { below: 9 }), of("some", { above: 3 }), of("most", { above: 8 })]);
  assert.deepEqual(byShare(rows, [COUNTER]).map((row) => row.group), ["most", "some", "better", "usual"]);
});
