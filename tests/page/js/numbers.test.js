// How numbers are written: units, prefixes, equal digits in a column, changes and shares.

import assert from "node:assert/strict";
import { test } from "node:test";

import { alike, between, change, counted, percent, short, written } from "../../../web/js/numbers.js";

test("a value has three significant digits, its unit, and a prefix where bytes are counted", () => {
  const cases = /** @type {[number | null, string, string][]} */ ([
    [null, "%", "–"], [0, "", "0"], [23.4375, "%", "23.4 %"], [1234.5678, "ms", "1,235 ms"], [1_234_567_890, "", "1.235 G"],
    [1536, "B", "1.5 KiB"],
  ]);
  for (const [value, unit, text] of cases) assert.equal(written(value, unit), text);
});

test("values of a column have one unit and equally many digits", () => {
  assert.deepEqual(alike([1, 2.5, null], "%"), ["1.0 %", "2.5 %", "–"]);
  assert.deepEqual(alike([10, 20], "ms"), ["10 ms", "20 ms"]);
  assert.deepEqual(alike([512, 2048], "B"), ["0.5 KiB", "2.0 KiB"]);
});

test("a change has a sign; a percentage changes by points; what looks alike is unchanged", () => {
  assert.equal(change(10, 12, "%"), "+2 points");
  assert.equal(change(12, 10, "ms"), "−2 ms");
  assert.equal(change(10.001, 10.002, "%"), "unchanged");
});

test("only all is 100 %, and only nothing is 0 %", () => {
  assert.deepEqual([0, 0.0001, 0.29, 0.99999, 1].map(percent), ["0 %", "less than 0.1 %", "29 %", "99.9 %", "100 %"]);
});

test("a masked name is shortened to its end", () => {
  assert.equal(short("t-R1buyIPBnkVthqSKfJKLaph-"), "…hqSKfJKLaph-");
  assert.equal(short("Contoso"), "Contoso");
});

test("what is counted, and a range, have their unit once", () => {
  assert.deepEqual([counted(1, "input"), counted(2_000, "input")], ["1 input", "2,000 inputs"]);
  assert.deepEqual([between(15, 25, "%"), between(25, 25, "%")], ["15\u00a0–\u00a025\u00a0%", "25 %"]);
  assert.deepEqual([between(2.6, 3.6, ""), between(1.5, 1000.5, "")], ["2.6\u00a0–\u00a03.6", "2\u00a0–\u00a01,001"]);
  assert.equal(between(3.78571, 3.78583, ""), "3.786"); // a narrow band has no digits that nobody reads
});
