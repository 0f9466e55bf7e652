// The VMs that are alike, of the same size in the whole fleet: asks for their averages, and puts them beside a chart's points.

import { ask } from "./ask.js";
import { joined } from "./series.js";

const WINDOW = 900; // seconds
const HALF = 450; // a window's value is drawn at its middle
const MOST = 86_400; // seconds: the API's limit of windows
const MINUTES = 15; // of a window

/** Counters whose windows hold something else than the mean of minutes, which is what a chart's points are. */
const EXTREMES = [
  "win_system.processor_queue_length", "win_system.processes", "win_mem.available_bytes", "win_disk.percent_free_space", "win_disk.current_disk_queue_length",
  "win_session.active_sessions", "win_session.disconnected_sessions", "win_session.logon_seconds", "win_session.input_delay_ms",
];
const SUMS = ["win_net.packets_received_errors", "win_session.logons", "win_session.logoffs"];

/**
 * The averages of VMs of a size, by window. Where they can't be compared with points, there are none.
 * @param {string[]} keys @param {string} size @param {number} start @param {number} end Unix seconds
 * @returns {Promise<Map<string, Map<number, (number | null)[]>>>} by counter and time
 */
export async function askPeers(keys, size, start, end) {
  const asked = end - start > MOST ? [] : keys.filter((key) => !EXTREMES.includes(key) && !key.startsWith("win_service."));
  const range = /** @type {[string, string][]} */ ([["start", String(start)], ["end", String(end)]]);
  const answers = await Promise.all(asked.map((key) => ask("v1/get-groups", [["key", key], ["groupBy", "MachineSize"], ...range])));
  return new Map(asked.map((key, at) => {
    const scale = SUMS.includes(key) ? 1 / MINUTES : 1;
    /** @type {{window: number, group: string | null, average: number | null}[]} */
    const windows = answers[at].data;
    const rows = windows.filter(({ group, window }) => group === size && window >= start - WINDOW);
    return [key, new Map(rows.map(({ window, average }) => [window + HALF, [average === null ? null : average * scale]]))];
  }));
}

/** A chart's columns with one more. @param {import("./series.js").Columns} columns @param {Map<number, (number | null)[]>} peers */
export const withPeers = (columns, peers) => joined(columns, peers, 1);
