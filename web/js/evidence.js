// The last hours of what is unusual, beside what is normal at each of them: the points for its small chart. Knows which
// question the API answers for a VM, and which for each kind of group. Does not know how points are drawn, and does not ask itself.

import { grouped } from "./unusual.js";
import { WINDOW } from "./windows.js";

const WINDOWS = 24; // six hours
const HOURS = (WINDOWS * WINDOW) / 3_600;
const MINUTES = WINDOW / 60;

/**
 * @typedef {import("./ask.js").Parameters} Parameters
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./lines.js").Point} Point
 * @typedef {{window: number, group: string | null, average: number | null, sum: number | null, count: number | null}} Group as `/v1/get-groups` has it
 * @typedef {{window: number, expected: number | null, low: number | null, high: number | null}} Normal
 * @typedef {(path: string, parameters: Parameters) => Promise<any>} Ask
 * @typedef {Pick<import("./unusual.js").Line, "kind" | "tenant" | "name">} Whose
 */

/**
 * The points of a line's chart. A VM that is as always stands beside what others of its size reach, not beside its own past.
 * @param {import("./unusual.js").Line} line @param {Counter} counter @param {number} window the last one @param {Ask} asked
 * @returns {Promise<Point[]>} oldest first
 */
export async function evidence(line, counter, window, asked) {
  const points = await (line.kind === "vm" ? ofVm(line, counter, window, asked) : ofGroup(line, counter.key, window, asked));
  return line.why === "always" ? points.map(({ at, value }) => ({ at, value, expected: line.high ?? line.low })) : points;
}

/** A VM's minutes, reduced as its counter is. @param {Whose} whose @param {Counter} counter @param {number} window @param {Ask} asked */
async function ofVm({ tenant, name }, { key, rule }, window, asked) {
  /** @type {Parameters} */
  const parameters = [
    ["key", key], ["tenant", tenant ?? ""], ["vm", name ?? ""], ["start", String(window - (WINDOWS - 1) * WINDOW)], ["end", String(window + WINDOW - 1)],
    ["aggregationInterval", String(MINUTES)], ["aggregationBy", rule === "sum" ? "avg" : rule], ["baseline", "true"], ["gaps", "null"],
  ];
  /** @type {(import("./ask.js").Item & Normal)[]} */
  const items = (await asked("v1/get-tenant-data", parameters)).data;
  // A point is a mean of minutes, and the value of a window of such a counter is their sum.
  const times = (/** @type {number | null} */ value) => (value === null ? null : value * (rule === "sum" ? MINUTES : 1));
  return items.map(({ timestamp, PerfValue, expected, low, high }) => ({
    at: timestamp - (timestamp % WINDOW), value: times(PerfValue), expected: times(expected), low: times(low), high: times(high),
  }));
}

/** A group's mean over its VMs. @param {Whose} whose @param {string} key @param {number} window @param {Ask} asked */
async function ofGroup(whose, key, window, asked) {
  const { groups, normal, name } = questions(whose, key);
  const [values, usual] = await Promise.all([asked("v1/get-groups", [...groups, ["windows", String(WINDOWS)]]), normal ? asked("v1/get-baseline", [...normal, ["hours", String(HOURS)]]) : { data: [] }]);
  /** @type {Map<number, Normal>} */
  const bands = new Map(usual.data.map((/** @type {Normal} */ each) => [each.window, each]));
  return averages(values.data, name).filter(({ at }) => at <= window).map((point) => ({ ...bands.get(point.at), ...point }));
}

/**
 * What to ask about a group. Of a whole, its parts are asked for: no question is for the whole.
 * @param {Whose} whose @param {string} key @returns {{groups: Parameters, normal: Parameters | null, name: string | null | undefined}} `normal`: null where none is learned,
 *   as of VMs of which it is unknown where they belong. `name`: of the group; undefined: the sum of all
 */
export function questions({ kind, tenant, name }, key) {
  /** @type {Parameters} */
  const of = [["key", key], ...(tenant ? /** @type {Parameters} */ ([["tenant", tenant]]) : [])];
  if (kind === "fleet" || kind === "tenant") return { groups: [...of, ["groupBy", "Region"]], normal: of, name: undefined };
  const by = kind === "pool" ? "ResourcePoolName" : kind === "size" ? "MachineSize" : "Region";
  return { groups: [...of, ["groupBy", by]], normal: name === null ? null : [...of, [by, name]], name };
}

/** One group's averages, or those over all groups. @param {Group[]} rows @param {string | null | undefined} name @returns {Point[]} oldest first */
export function averages(rows, name) {
  const of = rows.filter(({ group, sum, count }) => (name === undefined || group === name) && sum !== null && count);
  const windows = [...grouped(of, ({ window }) => window)].sort(([one], [other]) => one - other);
  const total = (/** @type {Group[]} */ some, /** @type {"sum" | "count"} */ field) => some.reduce((so, each) => so + Number(each[field]), 0);
  return windows.map(([at, some]) => ({ at, value: total(some, "sum") / total(some, "count") }));
}
