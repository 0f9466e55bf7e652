// What is said of a VM besides its charts: the verdict, what ran out and will, and when people log on. Each is a panel, which
// says so itself if its answer fails. Knows what to ask; the words come from other modules.

import { orProblem, Problem } from "./ask.js";
import { askCapacity, pace, whenFull } from "./capacity.js";
import { fromTo, lasting } from "./clock.js";
import { html, nothing, render } from "./html.js";
import { atLimit, LIMITS, minutesIn } from "./limits.js";
import { about, askLogons, howGood, weekday } from "./logons.js";
import { percent, written } from "./numbers.js";
import { askVerdict, keysOf, verdictTemplate } from "./verdict.js";

const MOST_VMS = 5_000; // in one answer: the API's limit
const SHOWN = 4; // times at a limit
const FILLING = ["win_disk.percent_free_space", "win_mem.percent_used"]; // which go on for days before they are full

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./ask.js").Item} Item
 * @typedef {import("./capacity.js").Capacity} Capacity
 * @typedef {import("./html.js").Template} Template
 * @typedef {{tenant: string, vm: string, labels: Map<string, string>, counters: Counter[], utc: boolean}} Of
 */

/** @param {string} tenant @param {string} vm @param {Counter[]} counters */
export async function askAbout(tenant, vm, counters) {
  const filling = FILLING.filter((key) => counters.some((counter) => counter.key === key));
  const [verdict, logons, ...full] = await Promise.all([
    orProblem(askVerdict(tenant, vm)), orProblem(askLogons(tenant, vm)), ...filling.map((key) => orProblem(askCapacity(key, "", tenant, MOST_VMS))),
  ]);
  return { verdict, logons, full };
}

/** The counters to begin with, if none is chosen. @param {Awaited<ReturnType<typeof askAbout>>} told @param {Counter[]} counters */
export const firstKeys = ({ verdict }, counters) => (verdict instanceof Problem ? [] : keysOf(verdict).filter((key) => counters.some((each) => each.key === key)));

/** The counters whose points tell what ran out. @param {Counter[]} counters @returns {string[]} */
export const limited = (counters) => LIMITS.map(({ key }) => key).filter((key) => counters.some((each) => each.key === key));

/** What is said without a VM. @param {HTMLElement} top @param {HTMLElement} bottom @param {string} tenant empty: the fleet */
export function tellWithout(top, bottom, tenant) {
  render(html`<p class="note">${tenant ? "Choose a VM above" : "Choose a tenant and a VM above"}: then it is said here whether the VM is as usual, or who else is not.</p>`, top);
  render(nothing, bottom);
}

/**
 * @param {HTMLElement} top @param {HTMLElement} bottom where, before and after the charts @param {Awaited<ReturnType<typeof askAbout>>} told @param {Map<string, Item[]>} items points by counter
 * @param {number} interval minutes of a point @param {Of} of
 */
export function tellAbout(top, bottom, told, items, interval, of) {
  const { verdict, logons, full } = told;
  const said = (/** @type {unknown} */ answer, /** @type {() => Template} */ template) => (answer instanceof Problem ? html`<p class="note">${answer.message}</p>` : template());
  render(html`
    <section class="panel" aria-label="Verdict">
      ${said(verdict, () => verdictTemplate(/** @type {import("./verdict.js").Verdict} */ (verdict), of.labels, of.counters, of.utc))}
    </section>
    <section class="panel" aria-labelledby="ran-out">
      <h2 id="ran-out">What ran out, and what will</h2>
      <ul>${ranOut(items, interval, of)}${full.map((each) => html`<li>${said(each, () => willFill(/** @type {Capacity} */ (each), of))}</li>`)}</ul>
      ${interval > 1 ? html`<p class="note">Each point covers ${lasting(interval)}: what was shorter may not show.</p>` : nothing}
    </section>`, top);
  render(html`
    <section class="panel" aria-labelledby="habits">
      <h2 id="habits">When people log on</h2>
      ${said(logons, () => habits(/** @type {import("./logons.js").Logons} */ (logons)))}
    </section>`, bottom);
}

/** @param {Map<string, Item[]>} items @param {number} interval @param {Of} of */
function ranOut(items, interval, { counters, utc }) {
  const found = LIMITS.flatMap((limit) => {
    const counter = counters.find(({ key }) => key === limit.key);
    const points = (items.get(limit.key) ?? []).map(({ timestamp, PerfValue }) => ({ timestamp, value: PerfValue }));
    return counter && points.some(({ value }) => value !== null) ? [{ counter, limit, spans: atLimit(points, interval * 60, limit) }] : [];
  });
  const bound = (/** @type {typeof found[0]} */ { counter: { unit }, limit }) => `${written(limit.limit, unit)} or ${limit.falling ? "less" : "more"}`;
  if (!found.length) return html`<li>There are no points of this VM in this range.</li>`;
  const fine = found.filter(({ spans }) => !spans.length).map((each) => `${each.counter.title} (${bound(each)})`);
  return html`
    ${found.filter(({ spans }) => spans.length).map((each) => html`
      <li><strong>${each.counter.title}</strong> was at ${bound(each)} for ${lasting(minutesIn(each.spans))} of this range:
        ${each.spans.slice(0, SHOWN).map(({ start, end, worst }) => `${fromTo(start, end, utc)} (${each.limit.falling ? "least" : "most"} ${written(worst, each.counter.unit)})`).join("; ")}${
          each.spans.length > SHOWN ? `; and ${each.spans.length - SHOWN} ${each.spans.length === SHOWN + 1 ? "time" : "times"} before` : ""}.</li>`)}
    ${fine.length ? html`<li>Never at its limit in this range: ${fine.join(", ")}.</li>` : nothing}`;
}

/** @param {Capacity} capacity @param {Of} of */
function willFill({ key, limit, data, reason, of, tooYoung }, { vm, counters }) {
  const { title = key, unit = "" } = counters.find((each) => each.key === key) ?? {};
  const full = data.find((each) => each.vm === vm);
  if (reason) return html`${title}: it is not known when it reaches ${written(limit, unit)}: ${reason}.`;
  // The answer says of how many VMs it is not known, not of which.
  if (!full && tooYoung === of) return html`${title}: it is not known when it reaches ${written(limit, unit)}: there are values of fewer than 21 days.`;
  if (!full) return html`${title} is not seen to reach ${written(limit, unit)}${tooYoung ? ", or there are values of fewer than 21 days" : ""}.`;
  return html`<strong>${title}</strong> reaches ${written(limit, unit)} ${whenFull(full)}: it is at ${written(full.value, unit)}, ${pace(full, unit)}.`;
}

/** @param {import("./logons.js").Logons} logons */
function habits({ data, series, timeZone, reason }) {
  const [own] = series;
  const why = reason ?? own?.reason;
  if (!data.length) return html`<p>Nothing is known about it${why ? `: ${why}` : ""}.</p>`;
  return html`
    <div class="table" tabindex="0" role="region" aria-label="The coming days">
      <table>
        <thead><tr><th scope="col">Day</th><th scope="col" class="figure">Somebody comes</th><th scope="col">First log-on</th><th scope="col">Last log-off</th></tr></thead>
        <tbody>${data.map((each) => html`<tr><th scope="row">${weekday(each.day)}</th>
          <td class="figure">${each.probability === null ? "–" : percent(each.probability)}</td><td>${about(each.firstLogon)}</td><td>${about(each.lastLogoff)}</td></tr>`)}</tbody>
      </table>
    </div>
    <p class="note">By the clocks of ${timeZone ?? "UTC"}. In brackets: from when to when on four days of five. ${own ? `Learned from ${own.history} days. ${howGood(own.past)}` : ""}</p>`;
}
