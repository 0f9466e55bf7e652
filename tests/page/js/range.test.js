// The range in the URL and its arithmetic.

import assert from "node:assert/strict";
import { test } from "node:test";

import { aDay, intervalOf, minutesOf, period, readRange, secondsBefore, shape, writeRange, wrongRange } from "../../../web/js/range.js";

const at = (/** @type {string} */ text) => Date.parse(text) / 1000;
const read = (/** @type {string} */ query) => readRange(new URLSearchParams(query));

test("what was written is read again, and defaults are not written", () => {
  for (const query of ["minutes=1440", "start=1795500000&end=1795503600", "interval=15&by=max&tz=utc&before=week"]) {
    assert.equal(String(new URLSearchParams(writeRange(read(query)))), query);
  }
  assert.deepEqual(writeRange(read("")), []);
});

test("nonsense in a URL counts as not given", () => {
  const nonsense = read("minutes=-5&start=9&end=3&interval=x&by=sum&tz=mars&before=year");
  assert.deepEqual(nonsense, read(""));
  assert.equal(read(`start=1&end=${32 * 86_400 + 2}`).start, 0); // longer than can be shown
  assert.equal(read("start=4102444800&end=4102448400").start, 0); // it has not come
});

test("a long range gets an interval that makes no more points than pixels", () => {
  const week = read("minutes=10080");
  assert(minutesOf(week) / intervalOf(week, 300) <= 300);
  assert.equal(intervalOf(read("minutes=60"), 300), 1);
  assert.equal(intervalOf(read("minutes=60&interval=15"), 300), 15);
});

test("it is asked for as the API wants it", () => {
  assert.deepEqual(period(read("minutes=60")), [["minutes", "60"]]);
  assert.deepEqual(shape(read("start=1795500000&end=1795503600&by=min"), 100), [
    ["start", "1795500000"], ["end", "1795503600"], ["aggregationInterval", "1"], ["aggregationBy", "min"],
  ]);
});

test("a day is that of the viewer's clock, and today ends now", () => {
  const now = at("2026-11-24T09:30:20Z");
  assert.deepEqual(aDay(0, true, now), { start: at("2026-11-24T00:00:00Z"), end: at("2026-11-24T09:30:00Z") });
  assert.deepEqual(aDay(1, false, now), { start: at("2026-11-22T23:00:00Z"), end: at("2026-11-23T22:59:00Z") });
  assert.equal(secondsBefore(read("before=day")), 86_400);
  assert.equal(secondsBefore(read("")), 0);
});

test("a range that can't be shown says why", () => {
  const start = at("2026-11-24T09:00:00Z");
  assert.match(wrongRange(NaN, start), /Give a day/);
  assert.match(wrongRange(start, start), /after the beginning/);
  assert.match(wrongRange(start, start + 40 * 86_400), /At most 31 days/);
  assert.equal(wrongRange(start, start + 60), "");
});
