// What is said of changes, and which of them.

import "./browser.js";

import assert from "node:assert/strict";
import { test } from "node:test";

const { compared, notable, said } = await import("../../../web/js/changes.js");

/** @param {object} more @returns {any} */
const item = (more) => ({ key: "win_cpu.percent_processor_time", kind: "Region", name: "westeurope", before: 20, after: 30, change: 10, score: 12.4, worse: true, vms: 8, windows: 4, ...more });
const text = (/** @type {object} */ more) => said(item(more), "%", null, new Map([["t-1", "Contoso"]])).replaceAll("\u00a0", " ");

test("a change says whose, from what to what, by how much, and how far that is from its usual move", () => {
  assert.equal(text({}), "Region westeurope (8 VMs): 20 % → 30 % (+10 points, worse), 12 × its usual move");
  assert.match(text({ kind: "tenant", name: "t-1", worse: null }), /^Tenant Contoso \(8 VMs\): .*\(\+10 points\)/);
  assert.match(text({ kind: "fleet", name: null, vms: 1, worse: false }), /^The whole fleet \(1 VM\): .*better/);
  assert.match(text({ kind: "MachineSize", name: null }), /^VMs of unknown size/);
});

test("only moves beyond the usual are notable, by counter, in the order given", () => {
  const data = [item({ key: "b.b", score: 9 }), item({ key: "a.a", score: -6 }), item({ key: "b.b", score: 4.9 })];
  const found = notable(/** @type {any} */ ({ data }));
  assert.deepEqual([...found].map(([key, all]) => [key, all.length]), [["b.b", 1], ["a.a", 1]]);
});

test("what could not be compared says why and what to do", () => {
  const answer = /** @type {any} */ ({ tenant: null, against: "day", reason: "there is no data of the time before", data: [] });
  assert.match(compared(answer, true, "“Time”"), /^Nothing can be compared: there is no data of the time before\. Choose another time under “Time”\.$/);
});
