// Saves what a view shows: its figures as a table, its charts as a picture. Knows what a view offers for that, not which view.

import { askTable } from "./ask.js";
import { byId } from "./elements.js";
import { fileName, picture, save } from "./files.js";
import { tell } from "./notices.js";
import { reportLines } from "./paper.js";
import { minutesOf } from "./range.js";
import { LOCALES } from "./locale.js";

/**
 * @typedef {{chosen: import("./view.js").Chosen<any>, end: number}} Shown
 * @typedef {import("./lists.js").Lists} Lists
 */

/** Save the data of the charts. If a view shows only a part, save all of it. @param {Shown} shown @param {Lists} lists */
export async function saveCsv({ chosen, end }, lists) {
  if (!chosen.view.table) return;
  const { path, keys, parameters } = chosen.view.table(chosen, lists);
  const minutes = minutesOf(chosen.range);
  // All requests must use the shown range, although new data keeps arriving.
  /** @type {[string, string][]} */
  const fixed = [["start", String(end - (minutes - 1) * 60)], ["end", String(end)]];
  const asked = chosen.range.start || !end ? parameters : [...fixed, ...parameters.filter(([name]) => name !== "minutes")];
  byId("save-csv").disabled = true;
  const saving = (/** @type {number} */ count) => tell("saving", `Saving ${count.toLocaleString(LOCALES)} of ${keys.length.toLocaleString(LOCALES)} counters …`);
  try {
    saving(0);
    save(await askTable(path, keys, minutes, asked, saving), fileName(chosen.view.name, "csv"));
    tell("saving", `Saved ${keys.length.toLocaleString(LOCALES)} ${keys.length === 1 ? "counter" : "counters"}.`);
  } catch (error) {
    tell("saving", "Not saved: see the message on the page.");
    throw error;
  }
}

/** Save the charts as one picture. @param {Shown} shown @param {Lists} lists */
export async function savePng({ chosen }, lists) {
  const { view, range } = chosen;
  if (!view.drawings) return;
  const lines = reportLines(`${view.heading(chosen, lists)} · Spot PC Insights`, view.controls.includes("range"), range.utc, "saved");
  save(await picture(lines, view.drawings()), fileName(view.name, "png"));
}
