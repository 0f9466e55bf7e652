// Is it this VM, or everyone: asks for the verdict on a VM and says it in words, with its evidence. Does not know charts.

import { ask } from "./ask.js";
import { fromTo } from "./clock.js";
import { html, nothing } from "./html.js";
import { tenantText, vmText } from "./names.js";
import { alike, between, percent } from "./numbers.js";
import { WINDOW } from "./windows.js";

/**
 * @typedef {{who: string, name: string | null, value: number | null, expected: number | null, low: number | null, high: number | null,
 *   judged: number | null, deviating: number | null, rank: number | null}} Compared
 * @typedef {{window: number, tenant: string, vm: string, verdict: string, sentence: string, key: string | null, history: number,
 *   timeZone: string | null, final: boolean, reason: string | null, compared: Compared[], always: string[],
 *   data: {key: string, since: number | null}[]}} Verdict
 */

const MOST_COUNTERS = 4;
const ALWAYS = "This VM is as usual for itself, and as always worse than most VMs of its size.";

/** @type {Record<string, string>} */
const WORDS = {
  vm: "Only this VM is unusual.", pool: "It is not only this VM: its pool is unusual.", tenant: "It is not only this VM: its tenant is unusual.",
  size: "It is not only this VM: VMs of its size are unusual.", region: "It is not only this VM: its region is unusual.",
  fleet: "It is not only this VM: the whole fleet is unusual.", none: "This VM is as usual.", unknown: "It is not known whether this VM is as usual.",
};

/** @param {string} tenant @param {string} vm @returns {Promise<Verdict>} */
export const askVerdict = (tenant, vm) => ask("v1/get-verdict", [["tenant", tenant], ["vm", vm]]);

/** The counters that a verdict is about, the most telling first. @param {Verdict} verdict @returns {string[]} */
export function keysOf({ verdict, key, data, always }) {
  const unusual = data.filter(({ since }) => since !== null).map((each) => each.key);
  const first = verdict === "none" || verdict === "unknown" || !key ? [] : [key];
  return [...new Set([...first, ...(first.length ? unusual : []), ...always])].slice(0, MOST_COUNTERS);
}

/** @param {Compared} compared @param {Verdict} verdict @param {Map<string, string>} labels */
function whoText({ who, name }, { tenant, vm }, labels) {
  const named = { vm: `This VM (${vmText(tenant, vm)})`, tenant: `Its tenant, ${tenantText(tenant, labels)}`, fleet: "The fleet" }[who];
  return named ?? `Its ${who}, ${name ?? "not known"}`;
}

/**
 * @param {Verdict} verdict @param {Map<string, string>} labels @param {import("./ask.js").Counter[]} counters @param {boolean} utc
 */
export function verdictTemplate(verdict, labels, counters, utc) {
  const counter = counters.find(({ key }) => key === verdict.key);
  const { window, reason, history, timeZone, final } = verdict;
  const sentence = verdict.sentence.replaceAll(verdict.tenant, () => tenantText(verdict.tenant, labels)).replaceAll(verdict.vm, () => vmText(verdict.tenant, verdict.vm)); // functions: a text would have its $ read
  return html`
    <h2 class="verdict">${verdict.verdict === "none" && verdict.always.length ? ALWAYS : (WORDS[verdict.verdict] ?? verdict.verdict)}</h2>
    <p>${sentence}${reason && !sentence.includes(reason) ? ` ${reason}.` : ""}</p>
    ${counter ? evidence(verdict, labels, counter) : nothing}
    <p class="note">Of ${fromTo(window, window + WINDOW, utc)}${final ? "" : ", which is not final yet"}.
      ${history ? `What is usual is known from ${history} ${history === 1 ? "day" : "days"}${timeZone ? `, by the clocks of ${timeZone}` : ""}: four days of five lie in it.` : ""}</p>`;
}

/** @param {Verdict} verdict @param {Map<string, string>} labels @param {import("./ask.js").Counter} counter */
function evidence(verdict, labels, { title, unit }) {
  const rows = verdict.compared;
  const values = alike(rows.map(({ value }) => value), unit);
  return html`
    <div class="table" tabindex="0" role="region" aria-label="Evidence of the verdict">
      <table>
        <thead><tr><th scope="col">${title}</th><th scope="col" class="figure">Now</th><th scope="col" class="figure">Usual at this hour</th>
          <th scope="col" class="figure">Unusual in this way</th><th scope="col" class="figure">This VM is higher than</th></tr></thead>
        <tbody>${rows.map((row, at) => html`
          <tr class=${row.who === verdict.verdict ? "blamed" : ""}>
            <th scope="row">${whoText(row, verdict, labels)}</th>
            <td class="figure">${values[at]}</td>
            <td class="figure">${row.low === null || row.high === null ? "not known" : between(row.low, row.high, unit)}</td>
            <td class="figure">${row.judged ? `${row.deviating} of ${row.judged} VMs` : row.who === "vm" ? "" : "not known"}</td>
            <td class="figure">${row.rank === null ? "" : `${percent(row.rank / 100)} of VMs`}</td>
          </tr>`)}</tbody>
      </table>
    </div>`;
}
