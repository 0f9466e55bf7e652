// The state of the system in words with figures, and how good what was said of the future was. Knows the API's status.

import { ask } from "../ask.js";
import { ago, moment } from "../clock.js";
import { html, nothing } from "../html.js";
import { tenantText } from "../names.js";
import { counted, percent } from "../numbers.js";
import { figure, spaced } from "./words.js";

const LATE = 20 * 60; // seconds, as the API has it

/** @typedef {import("../views/operations.js").Context} Context */

/** @returns {Promise<any>} */
export const load = () => ask("v1/status");

/** @param {any} status @param {Context} context */
export function template(status, context) {
  const { utc } = context;
  const since = (/** @type {number} */ at) => ago(Date.now() / 1000 - at);
  const drivers = Object.entries(status.averagingRuns).map(([driver, at]) => `${spaced(driver)} ${since(at)}`);
  const refusals = Object.entries(status.refusals);
  const { remoteWrite, onlyRefused } = status;
  return html`<dl class="panel">
    ${line("Newest minute", status.newestMinute === null ? "None yet: nothing has arrived" : `${moment(status.newestMinute, utc)}, ${ago(status.ageSeconds)}`,
      status.ageSeconds > LATE ? "Late: pushes arrive every 15 minutes. Look at the tenants that are silent, and at the queue." : "", status.ageSeconds > LATE)}
    ${line("Waits for averaging", counted(status.dirtyMarks, "window"), status.dirtyMarks ? "Tenants' windows. It should sink to 0 within minutes." : "Nothing waits.")}
    ${line("Not final yet", counted(status.openWindows, "window"), "A window becomes final when all expected VMs have pushed, or after the allowed lateness.")}
    ${line("Averaging ran", drivers.join(", ") || "never yet", "Its timer runs it each minute; ingest does if the timer stands still.")}
    ${line("Refused today", counted(status.quarantinedToday, "input"), refusals.length ? html`${refusals.map(([reason, count]) => html`${figure(Number(count))} × ${reason}. `)}<a href=${context.address({ part: "refused" })}>Look at them</a>` : "Nothing was refused.", status.quarantinedToday > 0)}
    ${onlyRefused ? line("Nothing newer was accepted", counted(onlyRefused.inputs, "input"), html`${onlyRefused.reasons.map((/** @type {any} */ each) => html`${figure(each.count)} × ${each.reason}. What to do: ${each.advice}. `)}`, true) : nothing}
    ${Object.entries(status.omissions).map(([what, count]) => line("Left out of averages today", figure(Number(count)), what, true))}
    ${line("Enrolled tenants", figure(status.enrolledTenants), html`<a href=${context.address({ part: "tenants" })}>Tenants and their keys</a>`)}
    ${status.tenantsToLookAfter.map((/** @type {any} */ each) => line("Look after", tenantText(each.tenant, context.labels), each.state, true))}
    ${status.unsignedSenders.length ? line("Sends unsigned", counted(status.unsignedSenders.length, "tenant"), status.unsignedSenders.map((/** @type {string} */ each) => tenantText(each, context.labels)).join(", "), true) : nothing}
    ${remoteWrite ? line("Sent to Prometheus", remoteWrite.window === null ? "not known" : `up to ${moment(remoteWrite.window, utc)}`, remoteWrite.problem ?? `${figure(remoteWrite.lateRows)} rows came too late, ${figure(remoteWrite.refusedSamples)} samples were refused by the receiver.`, Boolean(remoteWrite.problem))
      : line("Sent to Prometheus", "Nothing", "REMOTE_WRITE_URL is not set.")}
    ${status.sampleFleetFilled === null ? nothing : line("Sample fleet's past", percent(status.sampleFleetFilled), "Filled so far.")}
  </dl>
  <h2>How good was what was said of the future?</h2>
  ${status.scores.length ? html`<div class="table panel" tabindex="0" role="region" aria-label="Scores"><table>
    <thead><tr><th scope="col">Tenant</th><th scope="col" class="figure">First log-ons that found the VM up</th><th scope="col" class="figure">Idle minutes a day</th>
      <th scope="col" class="figure">Same times every day</th><th scope="col" class="figure">Forecast's error</th><th scope="col" class="figure">Hours within the band</th></tr></thead>
    <tbody>${status.scores.map((/** @type {any} */ each) => score(each, context))}</tbody></table></div>
    <p class="note">Start advice beside one fixed start time for every day. A forecast's error is a part of that of “same time yesterday”: below 1 is better. The band should hold 80 % of the hours.</p>`
  : html`<p class="empty">Nothing could be scored yet: it takes some weeks of data.</p>`}`;
}

/** @param {string} what @param {unknown} value @param {unknown} about @param {boolean} [notable] */
const line = (what, value, about, notable = false) =>
  html`<div><dt>${what}</dt><dd>${notable ? html`<strong class="worse">${value}</strong>` : html`<strong>${value}</strong>`}${about ? html` <span class="note">${about}</span>` : nothing}</dd></div>`;

/** @param {any} score @param {Context} context */
function score({ tenant, logons, forecasts }, { labels }) {
  const none = "no days";
  const digits = (/** @type {number} */ value, /** @type {number} */ most) => value.toFixed(most);
  return html`<tr><th scope="row">${tenantText(tenant, labels)}</th>
    <td class="figure">${logons ? percent(logons.served) : none}</td><td class="figure">${logons ? `${digits(logons.idleMinutes, 0)} min` : none}</td>
    <td class="figure">${logons && logons.fixedServed !== null ? `${percent(logons.fixedServed)}, ${digits(logons.fixedIdleMinutes ?? 0, 0)} min` : none}</td>
    <td class="figure">${forecasts ? digits(forecasts.mase, 2) : none}</td><td class="figure">${forecasts && forecasts.coverage !== null ? percent(forecasts.coverage) : none}</td></tr>`;
}
