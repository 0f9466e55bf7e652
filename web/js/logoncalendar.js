// The log-on calendar of a tenant: pools as rows, days as columns, with the advice when to start and stop, and how good it was.
// Knows what is written there, and saves it. Does not know what else the view shows.

import { askFile } from "./ask.js";
import { ifGiven } from "./capacity.js";
import { fileName, save } from "./files.js";
import { html, nothing } from "./html.js";
import { howGood, weekday } from "./logons.js";
import { percent } from "./numbers.js";

/**
 * @typedef {import("./logons.js").Logons} Logons
 * @typedef {import("./logons.js").Day} Day
 * @typedef {{tenant: string, serve: string, boot: string}} Asked
 */

export const SERVES = /** @type {[string, string][]} */ ([["0.8", "80 %"], ["0.9", "90 %"], ["", "95 %"], ["0.99", "99 %"]]);
export const BOOTS = /** @type {[string, string][]} */ ([["5", "5 min"], ["", "10 min"], ["20", "20 min"], ["30", "30 min"], ["60", "1 h"]]);

/** Save the calendar as a table, or a pool's as a scaling plan. @param {Asked} asked @param {string} [pool] */
async function saveAs({ tenant, serve, boot }, pool) {
  const asked = /** @type {[string, string][]} */ ([["tenant", tenant], ...ifGiven("serve", serve), ...ifGiven("bootMinutes", boot)]);
  if (pool === undefined) return save(await askFile("v1/get-logons", asked, "text/csv"), fileName("logons", "csv"));
  const plan = await askFile("v1/get-logons", [...asked, ["pool", pool], ["format", "avd-scaling-plan"]], "application/json");
  save(plan, fileName(`scaling-plan-${pool.replace(/[^\w-]/g, "-")}`, "json"));
}

/** @param {Logons} logons @param {Asked} asked @param {(save: () => Promise<void>) => void} attempt saves, and says so if that fails */
export function calendar(logons, asked, attempt) {
  const days = [...new Set(logons.data.map(({ day }) => day))].sort();
  const pools = logons.series.map(({ pool }) => pool);
  const at = new Map(logons.data.map((each) => [JSON.stringify([each.pool, each.day]), each]));
  if (!days.length) return html`<p>Nothing is known about when people log on${logons.reason ? `: ${logons.reason}` : ""}. It is learned twice a day from sessions and log-ons.</p>`;
  const saved = (/** @type {string | undefined} */ pool) => () => attempt(() => saveAs(asked, pool));
  return html`
    <div class="table" tabindex="0" role="region" aria-label="Log-on calendar">
      <table class="calendar">
        <thead><tr><th scope="col">Pool</th>${days.map((day) => html`<th scope="col">${weekday(day)}</th>`)}</tr></thead>
        <tbody>${pools.map((pool) => html`
          <tr><th scope="row">${pool ?? "without a pool"}</th>${days.map((day) => html`<td>${cell(at.get(JSON.stringify([pool, day])))}</td>`)}</tr>`)}</tbody>
      </table>
    </div>
    <ul class="scores">${logons.series.map(({ pool, reason, past }) => html`
      <li><strong>${pool ?? "VMs without a pool"}</strong>: ${reason ? `${reason}.` : howGood(past)}
        ${pool && !reason ? html`<button type="button" @click=${saved(pool)}>Save the scaling plan of ${pool}</button>` : nothing}</li>`)}</ul>
    <p><button type="button" @click=${saved(undefined)}>Save the calendar as CSV</button></p>
    <p class="note">Times by the clocks of ${logons.timeZone ?? "UTC"}${logons.learnedUntil ? `, learned from the days until ${weekday(logons.learnedUntil)}` : ""}.
      “Start by” has VMs up for ${percent(logons.serve)} of first log-ons, if they take ${logons.bootMinutes} min to start. “Stop after”: from then on, once nobody is logged on.
      A scaling plan is for pooled host pools of Azure Virtual Desktop: look at its percentages before you use it.</p>`;
}

/** @param {Day | undefined} day */
function cell(day) {
  if (!day) return "–";
  const { probability, firstLogon, startByLocal, giveUpLocal, stopAfterLocal } = day;
  if (!startByLocal) return html`<span class="quiet">nobody is expected${probability === null ? "" : ` (${percent(probability)})`}</span>`;
  return html`<span>first log-on</span> <strong>${firstLogon?.expectedLocal ?? "–"}</strong>
    <span>start by</span> <strong>${startByLocal}</strong>
    <span>stop if nobody by</span> ${giveUpLocal ?? "–"}
    <span>stop after</span> <strong>${stopAfterLocal ?? "–"}</strong>`;
}
