// A list of VMs: what is found, and in which order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { listed, matching, ordered } from "../../../web/js/vmlist.js";

const EVERY = { search: "", pool: "", region: "", size: "" };
/** @param {string} vm @param {number} value @param {object} [more] */
const vm = (vm, value, more = {}) =>
  listed({ window: 0, position: 1, tenant: "t-1", vm, PerfValue: value, rank: 1, tenantRank: 1, peerRank: 1, Region: "eastus", MachineSize: "D2", ResourcePoolName: "red", of: 9, ...more }, `Real ${vm}`, "Contoso");
const ALL = [vm("v-a", 1), vm("v-b", 3, { ResourcePoolName: "blue" }), vm("v-c", 2, { Region: "westus", tenant: "t-2" })];
const names = (/** @type {import("../../../web/js/vmlist.js").Vm[]} */ vms) => vms.map((each) => each.vm);

test("a search finds real and masked names, tenants and groups, by parts of words in any case", () => {
  for (const [search, found] of [["", "abc"], ["REAL V-B", "b"], ["v-c", "c"], ["t-2", "c"], ["contoso blue", "b"], ["nobody", ""]]) {
    assert.deepEqual(names(matching(ALL, { ...EVERY, search: search ?? "" })), [...(found ?? "")].map((each) => `v-${each}`), search);
  }
});

test("filters are of whole names", () => {
  assert.deepEqual(names(matching(ALL, { ...EVERY, pool: "red", region: "eastus" })), ["v-a"]);
  assert.deepEqual(names(matching(ALL, { ...EVERY, region: "east" })), []);
});

test("the worst come first, by the counter's worse side; the best too", () => {
  for (const worse of /** @type {const} */ (["high", "none"])) assert.deepEqual(names(ordered(ALL, "", worse)), ["v-b", "v-c", "v-a"]);
  assert.deepEqual(names(ordered(ALL, "", "low")), ["v-a", "v-c", "v-b"]);
  assert.deepEqual(names(ordered(ALL, "best", "high")), ["v-a", "v-c", "v-b"]);
  assert.deepEqual(names(ordered(ALL, "best", "low")), ["v-b", "v-c", "v-a"]);
});

test("in an order by text, numbers count as numbers, and equals are ordered by the worst", () => {
  const some = [vm("v-10", 1), vm("v-9", 1), vm("v-8", 5)];
  assert.deepEqual(names(ordered(some, "name", "high")), ["v-8", "v-9", "v-10"]);
  assert.deepEqual(names(ordered(ALL, "pool", "high")), ["v-b", "v-c", "v-a"]);
});
