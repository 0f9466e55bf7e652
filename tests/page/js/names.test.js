// How masked names are written where several stand together: no two alike, and people's names first.

import "./browser.js";

import assert from "node:assert/strict";
import { test } from "node:test";

const { tenantText, texts, vmText } = await import("../../../web/js/names.js");

const LONG = ["v-aaaaaaaaaaaaaa-the-same-end", "v-bbbbbbbbbbbbbb-the-same-end"];

test("names for people come first, in the order of people", () => {
  const names = new Map([["v-1", "PC 10"], ["v-2", "PC 9"]]);
  assert.deepEqual([...texts(["v-3", "v-1", "v-2"], (each) => names.get(each)).values()], ["PC 9", "PC 10", "v-3"]);
});

test("names that would look alike are told apart", () => {
  assert.equal(new Set(texts(LONG, () => undefined).values()).size, 2);
  assert.equal(new Set(texts(LONG, () => "Reception").values()).size, 2);
});

test("a tenant is written by the operator's label, else by its masked name", () => {
  assert.equal(tenantText("t-1", new Map([["t-1", "Contoso"]])), "Contoso");
  assert.equal(tenantText("t-1", new Map()), "t-1");
  assert.equal(vmText("t-1", LONG[0] ?? ""), "…the-same-end");
});
