// VMs of a VM's size beside a chart: what is said of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./browser.js";

const { aboutPeers } = await import("../../../web/js/peers.js");

const COUNTER = { key: "win_cpu.time", title: "Processor time", unit: "%", group: "", newest: 0, rule: /** @type {const} */ ("avg"), worse: /** @type {const} */ ("high") };

test("what is drawn of them is said; else, why nothing is", () => {
  const said = (/** @type {Partial<{rule: "avg" | "max" | "min", size: string, minutes: number, own: boolean, there: boolean}>} */ { rule = "avg", size = "D4", minutes = 1_440, own = false, there = true }) =>
    aboutPeers({ ...COUNTER, rule }, size, minutes, own, there);
  assert.match(said({}), /their average \(dotted\), and a band from the lowest to the value that 95 % of them are below/);
  assert.match(said({ minutes: 1_441 }), /^VMs of its size are not drawn: .* up to 24 hours/);
  assert.match(said({ rule: "max" }), /only the greatest value in 15 minutes/);
  assert.match(said({ rule: "min" }), /only the least value in 15 minutes/);
  assert.match(said({ own: true }), /other tenants' VMs/);
  assert.match(said({ size: "" }), /its size is not known/);
  assert.match(said({ there: false }), /no data/);
});
