// What is ahead: forecasts of the fleet's or a tenant's main counters, what runs full and when, and when people will log on.
// Knows what to ask of whom. How forecasts are drawn, and calendars written, other modules know.

import { orProblem, Problem } from "../ask.js";
import { askCapacity, LEARNED, pace, whenFull } from "../capacity.js";
import { Chart } from "../chart.js";
import { dated } from "../clock.js";
import { fill, labelled, made } from "../elements.js";
import { askAhead, endOf, extended, peak, score } from "../forecast.js";
import { html, nothing, render } from "../html.js";
import { BOOTS, calendar, SERVES } from "../logoncalendar.js";
import { askLogons } from "../logons.js";
import { named } from "../lists.js";
import { onNames, tenantText, texts, tenantName, vmText } from "../names.js";
import { written } from "../numbers.js";
import { ownTenant, tellWho } from "../who.js";

const HOURS = "48";
const HEIGHT = 180; // pixels of a chart
const MAIN = ["win_session.active_sessions", "win_session.input_delay_ms", "win_cpu.percent_processor_time", "win_mem.percent_used"];

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {import("../forecast.js").Forecast} Forecast
 * @typedef {import("../capacity.js").Capacity} Capacity
 * @typedef {import("../logons.js").Logons} Logons
 * @typedef {{tenant: string, full: string, limit: string, serve: string, boot: string}} Own
 *   `full`: the counter that reaches its limit. `limit`, `serve` (a share), `boot` (minutes): empty for the default
 * @typedef {import("../view.js").Chosen<Own>} Chosen
 * @typedef {{forecasts: Map<string, Forecast> | Problem, capacity: Capacity | Problem | null, logons: Logons | Problem | null}} Told
 * @typedef {{figure: HTMLElement, chart: Chart, drawing: HTMLElement, note: HTMLElement, most: HTMLElement, counter: Counter}} Card
 */

/**
 * The newest minute with data: forecasts begin where it ends. The list of counters, as a tenant's caller gets it, is hours behind.
 * @param {Map<string, Forecast> | Problem} forecasts @returns {number} Unix seconds, 0: not known
 */
const newestBefore = (forecasts) =>
  forecasts instanceof Problem ? 0 : Math.max(0, ...[...forecasts.values()].flatMap(({ data }) => (data[0] ? data[0].window - 60 : [])));

const isPositive = (/** @type {string | null} */ text) => Boolean(text && /^\d{1,12}(\.\d{1,6})?$/.test(text));

export class Ahead {
  name = "ahead";
  /** @type {import("../view.js").Control[]} */
  controls = ["png"];

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "ahead-view" });
    this.tenant = made("select", { id: "ahead-tenant" });
    this.field = labelled("Tenant", this.tenant);
    this.fields = [this.field];
    this.tenant.addEventListener("change", () => this.choose({ tenant: this.tenant.value }));
    this.selects = { full: made("select", { id: "full-counter" }), serve: made("select", { id: "advice-serve" }), boot: made("select", { id: "advice-boot" }) };
    for (const [name, select] of Object.entries(this.selects)) {
      select.addEventListener("change", () => this.choose({ [name]: select.value, ...(name === "full" ? { limit: "" } : {}) }));
    }
    this.unsaved = made("p", { class: "note", role: "status" });
    render(html`<p class="note" role="status">Loading …</p>`, this.body);
    /** @type {Own} */
    this.own = this.read(new URLSearchParams());
    /** @type {Map<string, Card>} charts by counter */
    this.cards = new Map();
    this.tell = () => {};
    onNames(() => this.tell());
  }

  /** @param {Partial<Own>} changes */
  choose(changes) {
    this.host.choose({ own: { ...this.own, ...changes } });
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    const listed = (/** @type {[string, string][]} */ choices, /** @type {string} */ name) => choices.find(([each]) => each === given.get(name))?.[0] ?? "";
    const full = given.get("full");
    return {
      tenant: given.get("tenant") ?? "",
      full: full && LEARNED.includes(full) ? full : String(LEARNED[0]),
      limit: isPositive(given.get("limit")) ? String(given.get("limit")) : "",
      serve: listed(SERVES, "serve"),
      boot: listed(BOOTS, "boot"),
    };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ tenant, full, limit, serve, boot }) {
    return [["tenant", tenant], ["full", full === LEARNED[0] ? "" : full], ["limit", limit], ["serve", serve], ["boot", boot]];
  }

  /** Whose future is shown; empty: the fleet's. @param {Own} own @param {Lists} lists */
  whose(own, lists) {
    return ownTenant() || named(lists.tenants, own.tenant) || "";
  }

  /** @param {Chosen} chosen @param {Lists} lists */
  show({ own }, lists) {
    this.own = own;
    const tenants = texts(lists.tenants, (tenant) => lists.labels.get(tenant) ?? tenantName(tenant));
    fill(this.tenant, [["", "the whole fleet"], ...tenants], this.whose(own, lists));
    this.field.hidden = Boolean(ownTenant());
    const full = LEARNED.filter((key) => key === own.full || lists.counters.some((each) => each.key === key));
    fill(this.selects.full, full.map((key) => [key, lists.counters.find((each) => each.key === key)?.title ?? key]), own.full);
    fill(this.selects.serve, SERVES, own.serve);
    fill(this.selects.boot, BOOTS, own.boot);
  }

  /** @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current */
  async refresh(chosen, lists, current) {
    await tellWho();
    if (!current()) return null;
    this.show(chosen, lists);
    this.unsaved.textContent = "";
    const { own } = chosen;
    const tenant = this.whose(own, lists);
    const counters = MAIN.flatMap((key) => lists.counters.find((each) => each.key === key) ?? []);
    const full = lists.counters.find(({ key }) => key === own.full);
    const [forecasts, capacity, logons] = await Promise.all([
      orProblem(askAhead(counters.map(({ key }) => key), HOURS, tenant ? [["tenant", tenant]] : [])),
      full && (full.unit === "%" || own.limit) ? orProblem(askCapacity(own.full, own.limit, tenant)) : null,
      tenant ? orProblem(askLogons(tenant, "", own)) : null,
    ]);
    if (!current()) return null;
    this.tell = () => this.draw({ forecasts, capacity, logons }, { ...chosen, own: this.own }, lists, counters, tenant);
    this.tell();
    const strange = own.tenant && !tenant ? `Not known here: tenant ${own.tenant}. Check the link, or choose another above.` : "";
    const newest = ownTenant() ? newestBefore(forecasts) : Math.max(0, ...lists.counters.map((each) => each.newest));
    return { own, newest, end: 0, suppressed: "", notice: strange, empty: "" };
  }

  /** @param {Told} told @param {Chosen} chosen @param {Lists} lists @param {Counter[]} counters @param {string} tenant */
  draw({ forecasts, capacity, logons }, chosen, lists, counters, tenant) {
    const of = tenant ? tenantText(tenant, lists.labels) : "the fleet";
    const cards = forecasts instanceof Problem ? [] : counters.map((counter) => this.card(counter));
    render(html`
      <section aria-labelledby="next">
        <h2 id="next">The next ${HOURS} hours of ${of}</h2>
        ${forecasts instanceof Problem ? html`<p class="panel note">${forecasts.message}</p>` : cards.length ? html`
          <p class="note">Dotted: what is expected of a VM on average, by the hour. The band holds four hours of five.</p>
          <div class="forecasts">${cards.map(({ figure }) => figure)}</div>` : html`<p class="empty">None of the counters that are forecast here has come yet: ${MAIN.join(", ")}.</p>`}
      </section>
      <section class="panel" aria-labelledby="fills">
        <h2 id="fills">What runs full</h2>
        ${this.chooseFull(chosen.own, lists)}
        ${capacity instanceof Problem ? html`<p class="note">${capacity.message}</p>` : this.full(capacity, chosen, lists)}
      </section>
      <section class="panel" aria-labelledby="logons">
        <h2 id="logons">When people log on</h2>
        ${tenant ? this.chooseAdvice() : this.chooseTenant(chosen, lists)}
        ${logons instanceof Problem ? html`<p class="note">${logons.message}</p>` : logons ? calendar(logons, { ...chosen.own, tenant }, (save) => this.attempt(save)) : nothing}
        ${this.unsaved}
      </section>`, this.body);
    if (!(forecasts instanceof Problem)) for (const card of cards) this.forecast(card, forecasts.get(card.counter.key), tenant ? "tenant" : "fleet", chosen.range.utc);
  }

  /** @param {() => Promise<void>} save */
  async attempt(save) {
    this.unsaved.textContent = "";
    try {
      await save();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.unsaved.textContent = `Not saved. ${error.message}`;
    }
  }

  /** @param {Counter} counter @returns {Card} */
  card(counter) {
    const old = this.cards.get(counter.key);
    if (old) return old;
    const drawing = made("div", { class: "chart", role: "img" });
    const [note, most] = [made("p", { class: "note" }), made("span", { class: "latest" })];
    const figure = made("figure", { class: "panel" }, made("figcaption", {}, made("span", { class: "title" }, counter.title), most), drawing, note);
    const card = { figure, chart: new Chart(drawing), drawing, note, most, counter };
    this.cards.set(counter.key, card);
    return card;
  }

  /** @param {Card} card @param {Forecast | undefined} forecast @param {"fleet" | "tenant"} whose @param {boolean} utc */
  forecast({ chart, drawing, note, most, counter: { title, unit } }, forecast, whose, utc) {
    if (!forecast) return;
    const top = peak(forecast);
    const first = forecast.data[0]?.window ?? 0;
    note.textContent = score(forecast);
    most.textContent = top ? `most: about ${written(top.expected, unit)}, on ${dated(top.window, utc)}` : "";
    drawing.setAttribute("aria-label", top ? `${title}: ${most.textContent}` : `${title}: no forecast`);
    drawing.hidden = !top;
    if (!top) return chart.close();
    chart.show(extended([[]], forecast), { unit, beside: "", small: false, utc, interval: 15, height: HEIGHT, ahead: whose, alone: true }, first, endOf(forecast));
  }

  /** @param {Own} own @param {Lists} lists */
  chooseFull({ full, limit }, lists) {
    const unit = lists.counters.find(({ key }) => key === full)?.unit ?? "";
    const limited = (/** @type {Event} */ event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      if (!value || isPositive(value)) this.choose({ limit: value });
    };
    return html`<p class="choices">
      <span><label for="full-counter">Counter</label> ${this.selects.full}</span>
      <span><label for="full-limit">Limit${unit ? ` in ${unit}` : ""}</label> <input id="full-limit" type="number" min="0" step="any" .value=${limit} placeholder=${unit === "%" ? "its own" : "give one"} @change=${limited}></span></p>`;
  }

  /** @param {Capacity | null} capacity null: there is nothing to ask for @param {Chosen} chosen @param {Lists} lists */
  full(capacity, { own, range }, lists) {
    const counter = lists.counters.find(({ key }) => key === own.full);
    if (!counter) return html`<p>There are no data of ${own.full} here.</p>`;
    const { title, unit } = counter;
    if (!capacity) return html`<p>${title} has no limit of its own: give one above, in ${unit || "its unit"}.</p>`;
    const { data, limit, of, tooYoung, reason, nextPage } = capacity;
    const young = tooYoung ? ` Of ${tooYoung} of them it is not known yet: they are too new.` : "";
    if (reason) return html`<p>It is not known what runs full: ${reason}.</p>`;
    if (!data.length) return html`<p>${title} is not seen to reach ${written(limit, unit)} on any of ${of} VMs.${young}</p>`;
    return html`
      <p>${title} reaches ${written(limit, unit)} on ${nextPage ? "more than " : ""}${data.length} of ${of} VMs, the soonest first.${young}</p>
      <div class="table" tabindex="0" role="region" aria-label="VMs that run full"><table>
        <thead><tr><th scope="col">VM</th><th scope="col">Tenant</th><th scope="col">When</th><th scope="col" class="figure">Now</th><th scope="col" class="figure">Goes on by</th></tr></thead>
        <tbody>${data.map((each) => html`<tr>
          <th scope="row"><a href=${this.host.address("vm", [["key", own.full], ["tenant", each.tenant], ["vm", each.vm]], range)}>${vmText(each.tenant, each.vm)}</a></th>
          <td>${tenantText(each.tenant, lists.labels)}</td><td>${whenFull(each)}</td>
          <td class="figure">${written(each.value, unit)}</td><td class="figure">${pace(each, unit)}</td></tr>`)}</tbody>
      </table></div>
      <p class="note">From the worst hour of each day of up to 56 days. Days are those of each VM's own clocks.</p>`;
  }

  chooseAdvice() {
    return html`<p class="choices">
      <span><label for="advice-serve">First log-ons that find their VM up</label> ${this.selects.serve}</span>
      <span><label for="advice-boot">A VM starts in</label> ${this.selects.boot}</span></p>`;
  }

  /** @param {Chosen} chosen @param {Lists} lists */
  chooseTenant({ own, range }, lists) {
    const tenants = texts(lists.tenants, (tenant) => lists.labels.get(tenant) ?? tenantName(tenant));
    return html`<p>It is learned for each tenant. Choose one:</p>
      <ul class="tenants">${[...tenants].map(([tenant, text]) => html`<li><a href=${this.host.address("ahead", { ...own, tenant }, range)}>${text}</a></li>`)}</ul>`;
  }

  width() {
    return 240;
  }

  fit() {
    for (const { chart } of this.cards.values()) chart.fit();
  }

  /** @returns {import("../files.js").Drawing[]} */
  drawings() {
    return [...this.cards.values()].flatMap(({ chart, counter, most }) =>
      chart.canvas ? [{ title: `${counter.title}: ${most.textContent}`, legend: chart.legend, canvas: chart.canvas }] : []);
  }

  /** @param {Chosen} chosen @param {Lists} lists */
  heading({ own }, lists) {
    const tenant = this.whose(own, lists);
    return `Ahead of ${tenant ? tenantText(tenant, lists.labels) : "the fleet"}`;
  }
}
