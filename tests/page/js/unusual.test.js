// The sentence on top of the first page, in every case, and the order of what is unusual.

import "./browser.js";

import assert from "node:assert/strict";
import { test } from "node:test";

const { called, howItIs, identity, MOST_LINES, ofWhen, parts, sinceWhen, total } = await import("../../../web/js/unusual.js");
const { WINDOW } = await import("../../../web/js/windows.js");

const AT = 1_795_745_700;
/** @typedef {import("../../../web/js/unusual.js").Line} Line */
/** @param {Partial<Line>} more @returns {Line} */
const line = (more) => ({
  kind: "vm", tenant: "t-1", name: "v-1", why: "unusual", key: "win_cpu.percent_processor_time", value: 9, expected: 5, low: 4, high: 6, score: 2,
  notable: true, since: AT, vms: 1, of: 1, also: "", sentence: "", ...more,
});
/** @param {Line[]} data @param {object} [more] */
const answer = (data, more = {}) => ({ window: AT, tenant: null, judged: 60, coverage: 1, reason: null, data, ...more });
const group = (/** @type {Line["kind"]} */ kind, /** @type {string | null} */ name, more = {}) => line({ kind, name, tenant: null, vms: 5, of: 10, ...more });

const CASES = /** @type {[string, Line[], object, string][]} */ ([
  ["nothing", [], {}, "All 60 VMs are as usual; all regions, VM sizes, tenants and pools are as usual."],
  ["one VM", [line({})], {}, "1 of 60 VMs is unusual by itself; all regions, VM sizes, tenants and pools are as usual."],
  ["VMs and a pool", [line({}), line({ name: "v-2" }), group("pool", "P")], {}, "1 pool is unusual as a group; 2 of 60 VMs are unusual by themselves; all regions, VM sizes and tenants are as usual."],
  ["groups only", [group("region", "r"), group("tenant", null), group("pool", "P"), group("pool", "Q")], {}, "1 region, 1 tenant and 2 pools are unusual as groups; none of 60 VMs is unusual by itself; all VM sizes are as usual."],
  ["the fleet", [group("fleet", null)], {}, "The fleet as a whole is unusual; none of 60 VMs is unusual by itself; all regions, VM sizes, tenants and pools are as usual."],
  ["silent", [line({ why: "silent", key: null }), group("pool", "P", { why: "silent", key: null, vms: 4 })], {}, "5 VMs are silent; all regions, VM sizes and tenants are as usual."],
  ["a group of which nobody is named", [group("pool", "P", { why: "silent", key: null, vms: 0 })], {}, "Fewer VMs report than usual; all regions, VM sizes and tenants are as usual."],
  ["stopped", [line({ why: "stopped", key: "win_service.WinDefend" }), line({ why: "stopped", key: "win_service.WinDefend", name: "v-2" })], {}, "1 service is stopped on 2 VMs; all regions, VM sizes, tenants and pools are as usual."],
  ["as always", [line({ why: "always" })], {}, "All 60 VMs are as usual; all regions, VM sizes, tenants and pools are as usual."],
  ["one's own tenant", [group("tenant", null, { tenant: "t-1" }), line({})], { tenant: "t-1", judged: 10 }, "Your tenant as a whole is unusual; 1 of 10 VMs is unusual by itself; all pools are as usual."],
  ["one's only VM", [], { tenant: "t-1", judged: 1 }, "The only VM is as usual; all pools are as usual."],
  ["more than is listed", Array.from({ length: MOST_LINES }, (_, place) => line({ name: `v-${place}` })), { judged: 5_000 }, "At least 100 of 5,000 VMs are unusual by themselves."],
]);
for (const [name, data, more, text] of CASES) test(`how it is: ${name}`, () => assert.equal(howItIs(answer(data, more), null), text));

test("while nothing is known to be normal, it says how many days there are, and how many it takes", () => {
  const none = answer([], { judged: 0, reason: "nothing was judged" });
  assert.match(howItIs(none, 0), /^It is not known yet what is normal: 0 days of data have been learned\. It is learned twice a day.* from at least 3 days/);
  assert.match(howItIs(none, 1), /1 day of data has been learned/);
  assert.match(howItIs(none, 28), /though 28 days are known/);
  assert.match(howItIs(none, null), /^Nothing was compared with what is normal\. It is learned/);
});

test("data that is late is said to be", () => {
  const end = AT + WINDOW;
  assert.match(ofWhen(AT, true, end + 44 * 60), /^Newest complete quarter hour: [^–.]+\u00a0–\u00a0[^.,]+\. VMs push every 15 min\.$/);
  assert.match(ofWhen(AT, true, end + 46 * 60), /[^.]*, which ended 46 min ago: data is late\. VMs push/);
  assert.match(ofWhen(AT, true, end + 3 * 86_400), /2026.*: data is late/);
});

test("what is notable comes first, and everything keeps its order", () => {
  const [one, two, three] = [line({ notable: false }), line({ name: "v-2" }), line({ name: "v-3", why: "always" })];
  const some = parts([one, two, three, line({ why: "stopped", key: "win_service.A" }), line({ why: "stopped", key: "win_service.B" }), line({ name: "v-4", why: "stopped", key: "win_service.A" })]);
  assert.deepEqual([some.first, some.unusual, some.always], [[two], [one], [three]]);
  assert.deepEqual([...some.stopped].map(([key, lines]) => [key, lines.length]), [["win_service.A", 2], ["win_service.B", 1]]);
});

test("a line is the same in the next window, and another one for another counter", () => {
  assert.equal(identity(line({ score: 1 })), identity(line({ score: 7, sentence: "else" })));
  assert.notEqual(identity(line({})), identity(line({ key: "win_mem.percent_used" })));
  assert.equal(total([line({}), group("pool", "P", { vms: 4 })]), 5);
});

test("whom a line is about", () => {
  const labels = new Map([["t-1", "Contoso"]]);
  assert.deepEqual([line({}), group("pool", "P", { tenant: "t-1" }), group("region", null), group("fleet", null)].map((each) => called(each, labels)), ["v-1 of Contoso", "Pool P of Contoso", "VMs of unknown region", "The whole fleet"]);
});

test("since when", () => {
  assert.match(sinceWhen(line({ since: AT - 1_800 }), AT, true), /^since [\d:]+( [AP]M)?, 45 min$/);
  assert.match(sinceWhen(line({ since: AT - 3 * 86_400 }), AT, true), /2026.*, 72 h$/);
  assert.equal(sinceWhen(line({ since: null }), AT, true), "");
});
