// The words for operations, and the quarantine by reason.

import assert from "node:assert/strict";
import { test } from "node:test";

import { byReason, commandText, figuresText, grouped, indented, kindText } from "../../../web/js/operations/words.js";

const moment = (/** @type {number} */ at) => `<${at}>`;

test("an operation is said in words", () => {
  assert.equal(kindText("catch-up"), "Catch up with averaging");
  assert.equal(kindText("unheard-of"), "unheard-of");
  assert.equal(commandText({ start: 900, end: null, tenant: "t-1", dry_run: true, vm: null }, moment, () => "Contoso"), "start <900>, tenant Contoso, dry run");
  assert.equal(figuresText({ accepted: 1_200, stillRefused: 0 }), "1,200 accepted, 0 still refused");
  assert.equal(grouped("0123456789ab"), "0123 4567 89ab");
});

test("messages come by the reasons of their inputs, the most frequent first", () => {
  const [one, two] = [{ reasons: { late: 2, odd: 1 } }, { reasons: { odd: 5 } }];
  assert.deepEqual(byReason([one, two]), [{ reason: "odd", inputs: 6, messages: [one, two] }, { reason: "late", inputs: 2, messages: [one] }]);
});

test("JSON is indented, anything else is shown as it came", () => {
  assert.equal(indented('{"a":[1]}'), '{\n  "a": [\n    1\n  ]\n}');
  assert.equal(indented('{"a":'), '{"a":');
});
