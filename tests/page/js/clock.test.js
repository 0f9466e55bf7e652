// Moments and durations, in the zone that the tests run in (TZ: Europe/Berlin, which changes its clock) and in UTC.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, clock, fromField, fromTo, lasting, midnight, moment, offset, toField } from "../../../web/js/clock.js";

const at = (/** @type {string} */ text) => Date.parse(text) / 1000;
const WINTER = at("2026-11-24T09:30:00Z");
const TWICE = at("2026-10-25T00:30:00Z"); // 02:30 in Berlin, which comes twice on that day

test("a moment is written in the viewer's zone or in UTC", () => {
  assert.equal(clock(WINTER, false), "10:30");
  assert.equal(clock(WINTER, true), "09:30");
  assert.equal(offset(WINTER, false), 3_600);
  assert.match(moment(WINTER, true), /24 Nov 2026.*09:30.*UTC/);
});

test("a time that comes twice has its zone", () => {
  assert.equal(clock(WINTER, false).length, 5);
  assert.notEqual(clock(TWICE, false), clock(TWICE + 3_600, false));
});

test("a range within a day names the day once", () => {
  assert.equal(fromTo(WINTER, WINTER + 3_600, true).match(/Nov/g)?.length, 1);
  assert.equal(fromTo(WINTER, WINTER + 86_400, true).match(/Nov/g)?.length, 2);
});

test("midnight is that of the viewer's day, also on a day of 25 hours", () => {
  assert.equal(midnight(WINTER, true, 0), at("2026-11-24T00:00:00Z"));
  assert.equal(midnight(WINTER, false, 0), at("2026-11-23T23:00:00Z"));
  assert.equal(midnight(TWICE, false, 1) - midnight(TWICE, false, 0), 25 * 3_600);
  assert.equal(midnight(WINTER, true, -7), at("2026-11-17T00:00:00Z"));
});

test("a field for a date gives back the moment that it was given", () => {
  for (const utc of [true, false]) assert.equal(fromField(toField(WINTER, utc), utc), WINTER);
  assert(Number.isNaN(fromField("", true)));
});

test("durations are written in the largest unit that fits", () => {
  assert.deepEqual([15, 60, 90, 1_440].map(lasting), ["15 min", "1 h", "90 min", "1 d"]);
  assert.deepEqual([-5, 20, 300, 7_200 * 2].map(ago), ["just now", "just now", "5 min ago", "4 h ago"]);
});
