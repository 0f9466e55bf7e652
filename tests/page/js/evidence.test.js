// What is asked for the chart of each kind of line, and what is made of the answer.

import "./browser.js";

import assert from "node:assert/strict";
import { test } from "node:test";

const { averages, evidence, questions } = await import("../../../web/js/evidence.js");

const [KEY, AT] = ["win_cpu.percent_processor_time", 1_795_745_700];
const line = (/** @type {object} */ more) => /** @type {any} */ ({ kind: "vm", tenant: "t-1", name: "v-1", why: "unusual", key: KEY, high: 7, low: null, ...more });
const counter = (/** @type {string} */ rule) => /** @type {any} */ ({ key: KEY, rule });
/** @param {Record<string, any>} answers by path */
function api(answers) {
  /** @type {[string, Record<string, string>][]} */
  const asked = [];
  const ask = async (/** @type {string} */ path, /** @type {[string, string][]} */ parameters) => {
    asked.push([path, Object.fromEntries(parameters)]);
    return answers[path];
  };
  return { asked, ask };
}
const points = [{ timestamp: AT + 30, PerfValue: 2, expected: 1, low: 0.5, high: 1.5 }, { timestamp: AT + 930, PerfValue: null, expected: 1, low: 0.5, high: 1.5 }];

test("a VM's points are those of its windows, reduced by the counter's rule", async () => {
  const { asked, ask } = api({ "v1/get-tenant-data": { data: points } });
  const made = await evidence(line({}), counter("max"), AT, ask);
  assert.deepEqual(made, [{ at: AT, value: 2, expected: 1, low: 0.5, high: 1.5 }, { at: AT + 900, value: null, expected: 1, low: 0.5, high: 1.5 }]);
  const [[path, given] = ["", {}]] = asked;
  assert.equal(path, "v1/get-tenant-data");
  assert.deepEqual([given.tenant, given.vm, given.aggregationBy, given.aggregationInterval, given.baseline], ["t-1", "v-1", "max", "15", "true"]);
  assert.deepEqual([Number(given.end) - Number(given.start) + 1, Number(given.start) % 900], [24 * 900, 0]);
});

test("of a counter that is summed, a window has fifteen of its points", async () => {
  const { asked, ask } = api({ "v1/get-tenant-data": { data: points } });
  const [first] = await evidence(line({}), counter("sum"), AT, ask);
  assert.deepEqual(first, { at: AT, value: 30, expected: 15, low: 7.5, high: 22.5 });
  assert.equal(asked[0]?.[1].aggregationBy, "avg");
});

test("what is as always stands beside what others reach", async () => {
  const { ask } = api({ "v1/get-tenant-data": { data: points } });
  assert.deepEqual((await evidence(line({ why: "always" }), counter("avg"), AT, ask))[0], { at: AT, value: 2, expected: 7 });
});

test("each kind of group has its questions", () => {
  const of = (/** @type {any} */ kind, /** @type {string | null} */ tenant, /** @type {string | null} */ name) => {
    const { groups, normal, name: which } = questions({ kind, tenant, name }, KEY);
    return [Object.fromEntries(groups), normal && Object.fromEntries(normal), which];
  };
  assert.deepEqual(of("region", null, "westus"), [{ key: KEY, groupBy: "Region" }, { key: KEY, Region: "westus" }, "westus"]);
  assert.deepEqual(of("size", null, "D4"), [{ key: KEY, groupBy: "MachineSize" }, { key: KEY, MachineSize: "D4" }, "D4"]);
  assert.deepEqual(of("pool", "t-1", "P"), [{ key: KEY, tenant: "t-1", groupBy: "ResourcePoolName" }, { key: KEY, tenant: "t-1", ResourcePoolName: "P" }, "P"]);
  assert.deepEqual(of("tenant", "t-1", null), [{ key: KEY, tenant: "t-1", groupBy: "Region" }, { key: KEY, tenant: "t-1" }, undefined]);
  assert.deepEqual(of("fleet", null, null), [{ key: KEY, groupBy: "Region" }, { key: KEY }, undefined]);
  assert.deepEqual(of("region", null, null), [{ key: KEY, groupBy: "Region" }, null, null]);
});

test("a whole is the mean over the VMs of its groups; a group is that of its name, in each window", () => {
  const rows = [
    { window: AT + 900, group: "a", average: 4, sum: 8, count: 2 }, { window: AT, group: "a", average: 1, sum: 2, count: 2 },
    { window: AT, group: null, average: 7, sum: 42, count: 6 }, { window: AT, group: "c", average: null, sum: null, count: null },
  ];
  assert.deepEqual(averages(rows, undefined), [{ at: AT, value: 5.5 }, { at: AT + 900, value: 4 }]);
  assert.deepEqual(averages(rows, "a"), [{ at: AT, value: 1 }, { at: AT + 900, value: 4 }]);
  assert.deepEqual(averages(rows, null), [{ at: AT, value: 7 }]);
});

test("a group's windows stand beside its band, up to the window that was judged", async () => {
  const { ask } = api({
    "v1/get-groups": { data: [{ window: AT + 900, group: "w", average: 9, sum: 9, count: 1 }, { window: AT, group: "w", average: 3, sum: 3, count: 1 }] },
    "v1/get-baseline": { data: [{ window: AT, expected: 2, low: 1, high: 4 }] },
  });
  const made = await evidence(line({ kind: "region", tenant: null, name: "w" }), counter("avg"), AT, ask);
  assert.deepEqual(made, [{ window: AT, at: AT, value: 3, expected: 2, low: 1, high: 4 }]);
});
