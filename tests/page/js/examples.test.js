// The requests of examples in the API's document: with an app's own names and times, and for a shell.

import assert from "node:assert/strict";
import { test } from "node:test";

import { address, curl, readable, requestOf } from "../../../web/js/examples.js";

const HERE = { keys: ["win_cpu.user", "win_disk.free"], tenant: "t+1", vm: "v-1", day: "2026-11-24", now: 1_795_514_400 };
const parameter = (/** @type {string} */ name, /** @type {unknown} */ example, place = "query") => ({ name, in: place, ...(example === undefined ? {} : { example }) });
const asks = (/** @type {object[]} */ parameters, here = HERE) => requestOf("/v1/get-x", { parameters }, here, true);

test("names and times of the document become those of the app; others stay; what has no example is left out", () => {
  const request = asks([parameter("key", ["win_cpu.time"]), parameter("tenant", "t-doc"), parameter("start", "2026-01-01"), parameter("limit", 3), parameter("vm", undefined)]);
  assert.equal(address(request), "/v1/get-x?key=win_cpu.user&tenant=t%2B1&start=1795510800&limit=3");
  assert.deepEqual(request.missing, []);
});

test("a counter that the app has not is replaced by one of its kind, else by any", () => {
  assert.deepEqual(asks([parameter("key", "win_disk.idle")]).parameters, [["key", "win_disk.free"]]);
  assert.deepEqual(asks([parameter("key", "win_mem.used")]).parameters, [["key", "win_cpu.user"]]);
});

test("one tenant's caller always asks for that tenant", () => {
  assert.deepEqual(asks([parameter("tenant", undefined)], { ...HERE, confined: true }).parameters, [["tenant", "t+1"]]);
});

test("what the app has none of is missing, and the document's value stays", () => {
  const request = requestOf("/v1/operations/{instance}", { parameters: [parameter("instance", "rebuild-1", "path")] }, HERE, true);
  assert.deepEqual([address(request), request.missing], ["/v1/operations/rebuild-1", ["instance"]]);
});

test("a request that changes something keeps the document's names, and a shell reads its body", () => {
  const described = { parameters: [], requestBody: { content: { "application/json": { example: { label: "Ada's" } } } } };
  const line = curl("POST", "http://x", requestOf("/v1/tenants", described, HERE, false), "x-functions-key: KEY");
  assert.equal(line, `curl -X POST 'http://x/v1/tenants' -H 'x-functions-key: KEY' -H 'Content-Type: application/json' -d '{"label":"Ada'\\''s"}'`);
});

test("a long answer is cut and says what is missing; a short one is whole", () => {
  const { text, cut } = readable(JSON.stringify({ data: Array.from({ length: 12 }, (_, each) => each) }));
  assert.deepEqual([JSON.parse(text).data, cut], [[0, 1, 2, "… and 9 more"], true]);
  assert.deepEqual(readable('{"a": 1}'), { text: '{\n  "a": 1\n}', cut: false });
  assert.equal(readable("x 1\n".repeat(100)).text.split("\n").length, 20);
});
