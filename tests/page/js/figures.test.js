// What a card says, and the cells of a heatmap.

import assert from "node:assert/strict";
import { test } from "node:test";

import { figures } from "../../../web/js/figures.js";
import { heat, LEVELS, quantile } from "../../../web/js/heat.js";

const counter = (/** @type {object} */ more) => /** @type {any} */ ({ key: "win_cpu.percent_processor_time", unit: "%", rule: "avg", worse: "high", ...more });
const point = (/** @type {object} */ more = {}) => /** @type {any} */ ({ average: 15.8, sum: 948, count: 900, min: 1, max: 90, percentiles: { p10: 3.4, p50: 6.2, p90: 25.6 }, ...more });

test("a card tells the average of how many VMs, how values are spread, and what is usual", () => {
  assert.deepEqual(figures(counter({}), point({ low: 6.2, high: 15.5 })), {
    main: "15.8 %", what: "on average, 60 VMs", middle: "Median 6.2 %", spread: "8 of 10 values: 3.4\u00a0–\u00a025.6\u00a0%", usual: "Usual average now: 6.2\u00a0–\u00a015.5\u00a0%",
  });
});

test("without percentiles, which others than operators may not get, the ends are told", () => {
  const { middle, spread } = figures(counter({}), point({ percentiles: null }));
  assert.deepEqual([middle, spread], ["", "All values: 1\u00a0–\u00a090\u00a0%"]);
  assert.equal(figures(counter({}), point({ percentiles: null, min: null, max: null })).spread, "");
});

test("sessions and log-ons are summed up", () => {
  const sessions = figures(counter({ key: "win_session.active_sessions", unit: "", rule: "max" }), point({ average: 20.667, sum: 1239.6 }));
  assert.deepEqual([sessions.main, sessions.what, sessions.middle], ["1,240", "at a time, 60 VMs", "On average 20.7 a VM"]);
  const logons = figures(counter({ key: "win_session.logons", unit: "", rule: "sum" }), point({ average: 0.2, sum: 193 }));
  assert.deepEqual([logons.main, logons.what], ["193", "in 15 min, 60 VMs"]);
});

test("other counters without a unit, such as a queue, are not", () => {
  assert.equal(figures(counter({ key: "win_system.processor_queue_length", unit: "", rule: "max" }), point({ average: 0.25 })).main, "0.25");
});

test("a service that stopped on one VM for a minute does not run on all", () => {
  const service = counter({ key: "win_service.WinDefend", unit: "", rule: "min" });
  assert.deepEqual([figures(service, point({ sum: 59.93 })).main, figures(service, point({ sum: 60 })).main], ["59 of 60", "60 of 60"]);
  assert.equal(figures(service, point({ sum: 59.93 })).what, "VMs run it");
});

test("what is not there is not told", () => {
  assert.deepEqual([figures(counter({}), undefined).main, figures(counter({}), undefined).what], ["–", "no data"]);
  assert.equal(figures(counter({}), point({ average: null })).what, "suppressed");
  assert.equal(figures(counter({}), point({ count: null })).what, "on average");
});

const column = (/** @type {number} */ timestamp, /** @type {[number, number][]} */ buckets) => ({
  timestamp, count: buckets.reduce((sum, [, count]) => sum + count, 0), min: null, max: null, buckets: buckets.map(([from, count]) => ({ from, to: from, count })),
});

test("whole numbers have a row each, the lowest at the bottom; a time without values has no cell", () => {
  const found = heat([column(0, [[0, 3], [2, 1]]), column(900, []), column(1800, [[1, 4]])], 900, false);
  assert(found);
  assert.deepEqual([found.columns, found.rows, found.low, found.high, found.most, found.logarithmic], [3, 3, 0, 2, 1, false]);
  assert.equal(found.paths[LEVELS - 1], "M0 2h1v1h-1zM2 1h1v1h-1z");
  assert.equal(found.paths.join("").match(/M/g)?.length, 3);
});

test("rows grow with the values where these differ much, but not those of percentages", () => {
  const columns = [column(0, [[0.5, 50], [1.5, 49], [1000, 1]])];
  assert.equal(heat(columns, 900, false)?.logarithmic, true);
  assert.equal(heat(columns, 900, true)?.logarithmic, false);
  assert.equal(heat([column(0, [[0, 1], [0.5, 1], [1000, 1]])], 900, false)?.logarithmic, false);
});

test("the few at the ends are seen beside the many in the middle", () => {
  const found = heat([column(0, [[0.5, 1], [1.5, 99]])], 900, false);
  assert.notEqual(found?.paths[0], "");
});

test("no values make no picture, and one value makes one cell", () => {
  assert.equal(heat([], 900, false), null);
  assert.equal(heat([column(0, [])], 900, false), null);
  assert.deepEqual(heat([column(0, [[7, 5]])], 900, false)?.paths.at(-1), "M0 0h1v1h-1z");
});

test("quantiles are those of the buckets", () => {
  const values = column(0, [[1, 50], [2, 40], [9, 10]]);
  assert.deepEqual([0.1, 0.5, 0.9, 1].map((share) => quantile(values, share)), [1, 1, 2, 9]);
});
