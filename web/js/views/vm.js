// The fleet's counters under one another with one cursor. A chosen tenant's line is over the fleet's, and a
// chosen VM's over both.

import { AHEAD, askAhead, endOf, extended, goodness } from "../forecast.js";
import { askCharts } from "../ask.js";
import { Chart } from "../chart.js";
import { moment } from "../clock.js";
import { fill, labelled, made } from "../elements.js";
import { askVms, named } from "../lists.js";
import { tenantText, vmText } from "../names.js";
import { percent, written } from "../numbers.js";
import { intervalOf, minutesOf, shape } from "../range.js";
import { caveats, columns, inWords, newestOf, ownNewest } from "../series.js";
import { TenantControls } from "../tenants.js";
import { ownTenant } from "../who.js";

const FIRST_COUNTERS = 4; // shown if none is chosen

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../ask.js").Item} Item
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {{keys: string[], tenant: string, vm: string, ahead: string}} Own
 * @typedef {import("../page.js").Chosen<Own>} Chosen
 * @typedef {{tenant: string, list: Record<string, string>[]}} Vms
 * @typedef {{counter: Counter, figure: HTMLElement, latest: HTMLElement, remove: HTMLElement, chart: Chart, note: HTMLElement,
 *   table: HTMLDetailsElement, items: Item[], drawing: HTMLElement}} Panel
 */

export class Vm {
  name = "vm";
  title = "VM";
  parameters = ["key", "tenant", "vm", "ahead"];
  /** @type {import("../page.js").Control[]} */
  controls = ["range", "points", "csv", "png"];

  /** @param {import("../page.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "vm-view" });
    this.add = made("select", { id: "add" });
    this.whose = new TenantControls((choice) => host.choose({ own: { ...this.own, ...choice } }));
    this.ahead = made("select", { id: "ahead" });
    fill(this.ahead, AHEAD, "0");
    this.fields = [this.whose.field, made("div", { class: "pair" }, labelled("Counters", this.add), labelled("Forecast", this.ahead))];
    this.ahead.addEventListener("change", () => host.choose({ own: { ...this.own, ahead: this.ahead.value } }));
    this.add.addEventListener("change", () => this.add.value && host.choose({ own: { ...this.own, keys: [...this.panels.keys(), this.add.value] } }));
    /** @type {Map<string, Panel>} those that are shown, by counter */
    this.panels = new Map();
    /** @type {Map<string, Panel>} the panels shown before, until the data of the new ones has arrived */
    this.spare = new Map();
    /** @type {Vms} those of the tenant that was asked for last */
    this.vms = { tenant: "", list: [] };
    /** @type {Own} */
    this.own = { keys: [], tenant: "", vm: "", ahead: "0" };
    this.utc = false;
    /** @type {import("../series.js").Beside} */
    this.beside = "";
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    const ahead = AHEAD.find(([hours]) => hours === given.get("ahead"))?.[0] ?? "0";
    return { keys: [...new Set(given.getAll("key").filter(Boolean))], tenant: given.get("tenant") ?? "", vm: given.get("vm") ?? "", ahead };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ keys, tenant, vm, ahead }) {
    const own = keys.map((key) => /** @type {[string, string]} */ (["key", key]));
    return [...own, ["tenant", tenant], ["vm", tenant && vm], ["ahead", ahead === "0" ? "" : ahead]];
  }

  /** The known part of the choice, and a message about the unknown part. @param {Own} own @param {Lists} lists */
  known({ keys, tenant: givenTenant, vm: givenVm }, lists) {
    const tenant = named(lists.tenants, givenTenant) ?? "";
    const vms = tenant && this.vms.tenant === tenant ? this.vms.list.map((each) => each.vm ?? "") : [];
    const vm = (tenant && named(vms, givenVm)) || "";
    const all = lists.counters.map((counter) => counter.key);
    const found = keys.map((key) => ({ key, name: named(all, key) }));
    const strange = [
      ...found.flatMap(({ key, name }) => (name ? [] : [`counter ${key}`])),
      ...(givenTenant && !tenant ? [`tenant ${givenTenant}`] : []),
      ...(tenant && givenVm && !vm ? [`VM ${givenVm}`] : []),
    ];
    const notice = strange.length ? `Not known here, and therefore not shown: ${strange.join(", ")}. Check the link, or choose another above.` : "";
    return { keys: [...new Set(found.flatMap(({ name }) => name ?? []))], tenant, vm, notice };
  }

  /** Set controls and panels to the choice. @param {Chosen} chosen @param {Lists} lists */
  show({ own }, lists) {
    this.own = own;
    const { keys, tenant, vm } = this.known(own, lists);
    this.whose.show(lists, { tenant, vm }, tenant && this.vms.tenant === tenant ? this.vms.list : []);
    const more = lists.counters.filter((counter) => !keys.includes(counter.key));
    fill(this.add, [["", "add a counter …"], ...more.map(({ key, title, group }) => /** @type {[string, string, string]} */ ([key, title, group]))], "");
    this.add.disabled = !more.length;
    this.ahead.value = own.ahead;
    this.layOut(lists.counters.filter((counter) => keys.includes(counter.key)), keys);
  }

  /** Lay the panels out, if the layout changes. @param {Counter[]} counters @param {string[]} keys in their order */
  layOut(counters, keys) {
    const byKey = new Map(counters.map((counter) => [counter.key, counter]));
    const old = this.panels;
    this.panels = new Map(keys.map((key) => [key, old.get(key) ?? this.spare.get(key) ?? this.panel(/** @type {Counter} */ (byKey.get(key)))]));
    for (const [key, panel] of old) this.spare.set(key, panel);
    for (const key of keys) this.spare.delete(key);
    for (const panel of this.panels.values()) panel.remove.hidden = this.panels.size === 1; // one is always shown
    const figures = [...this.panels.values()].map((panel) => panel.figure);
    if (figures.some((figure, at) => this.body.children[at] !== figure) || this.body.children.length !== figures.length) {
      this.body.replaceChildren(...figures);
    }
  }

  /** @param {Counter} counter @returns {Panel} */
  panel(counter) {
    const id = `chart-${counter.key.replace(/[^\w-]/g, "-")}`;
    const latest = made("span", { class: "latest" });
    const remove = made("button", { type: "button", class: "plain", "aria-label": `Remove ${counter.title}` }, "×");
    const drawing = made("div", { class: "chart", tabindex: "0", role: "img", id, "aria-label": `${counter.title}: loading` });
    const note = made("p", { class: "note" });
    const table = made("details", {}, made("summary", {}, "Data table"));
    const title = made("span", { class: "title" }, counter.title, counter.title === counter.key ? "" : made("code", {}, counter.key));
    const figure = made("figure", {}, made("figcaption", {}, title, latest, remove), drawing, note, table);
    /** @type {Panel} */
    const panel = { counter, figure, latest, remove, chart: new Chart(drawing), note, table, items: [], drawing };
    remove.addEventListener("click", () => this.host.choose({ own: { ...this.own, keys: [...this.panels.keys()].filter((key) => key !== counter.key) } }));
    table.addEventListener("toggle", () => this.tabulate(panel));
    drawing.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -15, PageDown: 15 }[event.key];
      if (!by) return;
      event.preventDefault();
      panel.chart.step(by);
    });
    return panel;
  }

  /** How wide a chart is. */
  width() {
    return Math.max(60, this.body.querySelector(".chart")?.clientWidth || this.body.clientWidth - 40);
  }

  /**
   * Ask and show.
   * @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current whether the choice is still current
   */
  async refresh(chosen, lists, current) {
    const { range } = chosen;
    const own = { ...chosen.own };
    if (!own.keys.length) own.keys = lists.counters.slice(0, FIRST_COUNTERS).map((counter) => counter.key);
    const of = named(lists.tenants, own.tenant);
    if (of && (this.vms.tenant !== of || (own.vm && !this.known(own, lists).vm))) {
      const list = await askVms(of);
      if (!current()) return null;
      this.vms = { tenant: of, list };
    }
    this.show({ ...chosen, own }, lists);
    const { keys, tenant, vm, notice } = this.known(own, lists);
    if (!keys.length) return { own, newest: 0, end: 0, suppressed: "", notice, empty: "There is no counter to show. Add one above." };
    const asked = this.table({ ...chosen, own }, lists);
    const latest = own.ahead !== "0" && !range.start; // a range of the past has nothing ahead
    const [answer, ahead] = await Promise.all([
      askCharts(asked.path, keys, minutesOf(range), asked.parameters),
      latest ? askAhead(keys, own.ahead, asked.whose.length || !ownTenant() ? asked.whose : [["tenant", ownTenant()]]) : new Map(),
    ]);
    if (!current()) return null;
    for (const panel of this.spare.values()) panel.chart.close();
    this.spare.clear();
    this.beside = vm ? "vm" : tenant && "tenant";
    this.draw(answer, ahead, chosen);
    const some = [...answer.items.values()].some((items) => items.length);
    return { own, newest: some ? answer.end : 0, end: answer.end, suppressed: answer.suppressed ?? "", notice, empty: "" };
  }

  /** @param {Awaited<ReturnType<typeof askCharts>>} answer @param {Map<string, import("../forecast.js").Forecast>} forecasts @param {Chosen} chosen */
  draw(answer, forecasts, { range }) {
    const end = Math.max(answer.end, ...[...forecasts.values()].map(endOf));
    const whose = this.beside || (ownTenant() ? "tenant" : "fleet");
    this.utc = range.utc;
    const interval = intervalOf(range, this.width());
    const height = this.panels.size > 2 ? 190 : this.panels.size > 1 ? 240 : 320;
    for (const panel of this.panels.values()) {
      const { counter } = panel;
      panel.items = answer.items.get(counter.key) ?? [];
      const forecast = forecasts.get(counter.key);
      const points = columns(panel.items, interval, this.beside);
      /** @type {import("../chart.js").Look} */
      const look = {
        unit: counter.unit, beside: this.beside, small: false, utc: range.utc, interval, height, ahead: forecast ? whose : "",
        onRange: (/** @type {number} */ start, /** @type {number} */ end) => this.host.zoom(start, end),
      };
      panel.chart.show(forecast ? extended(points, forecast) : points, look, answer.start, end);
      panel.drawing.setAttribute("aria-label", inWords(counter.title, counter.unit, panel.items, range.utc, this.beside));
      const said = panel.items.length ? caveats(panel.items, interval) : "No data in this range.";
      panel.note.textContent = forecast ? `${said} ${goodness(forecast, range.by, interval, whose)}` : said;
      this.headline(panel);
      this.tabulate(panel);
    }
  }

  /** The data of its table. @param {Chosen} chosen @param {Lists} lists */
  table({ own, range }, lists) {
    const { keys, tenant, vm } = this.known(own, lists);
    /** @type {[string, string][]} */
    const whose = tenant ? [["tenant", tenant], ...(vm ? [/** @type {[string, string]} */ (["vm", vm])] : [])] : [];
    return { whose, path: whose.length ? "v1/get-tenant-data" : "v1/get-data", keys, parameters: [...shape(range, this.width()), ...whose] };
  }

  /** The newest values. @param {Panel} panel */
  headline({ latest, items, counter: { unit } }) {
    const own = ownNewest(items, this.beside);
    const newest = own ?? newestOf(items);
    const parts = newest
      ? [
          ...(own && this.beside === "vm" ? [["vm", "this VM", own.PerfValue]] : []),
          ...(own ? [["tenant", this.beside === "vm" ? "its tenant" : "the tenant", own.tenantAverage]] : []),
          ["fleet", "the fleet", newest.average],
        ]
      : [];
    latest.replaceChildren(
      ...parts.map(([name, text, value]) => made("span", { class: String(name) }, `${text} `, made("strong", {}, written(/** @type {number} */ (value), unit)))),
    );
  }

  /** The points as a table, for people who can't see the chart. It is made when opened. @param {Panel} panel */
  tabulate({ table, items, counter }) {
    table.querySelector("div")?.remove();
    if (!table.open) return;
    const figure = (/** @type {number | null | undefined} */ value) => made("td", {}, written(value, counter.unit));
    const heads = ["Time", "Fleet average", "Minimum", "Maximum", ...(this.beside ? ["Tenant average"] : []), ...(this.beside === "vm" ? ["This VM"] : []), "Final"];
    const rows = items.map((item) =>
      made("tr", {},
        made("th", { scope: "row" }, moment(item.timestamp, this.utc)),
        figure(item.average), figure(item.min), figure(item.max),
        ...(this.beside ? [figure(item.tenantAverage)] : []), ...(this.beside === "vm" ? [figure(item.PerfValue)] : []),
        made("td", {}, item.suppressed ?? (item.final ? "yes" : item.coverage === null ? "no" : `no, covers ${percent(item.coverage)}`)),
      ),
    );
    const head = made("thead", {}, made("tr", {}, ...heads.map((text) => made("th", { scope: "col" }, text))));
    table.append(made("div", { class: "rows", tabindex: "0", role: "region", "aria-label": `Data of ${counter.title}` }, made("table", {}, head, made("tbody", {}, ...rows.reverse()))));
  }

  /** @param {Chosen} chosen @param {Lists} lists */
  heading({ own }, lists) {
    const { tenant, vm } = this.known(own, lists);
    if (!tenant) return "The fleet";
    return vm ? `VM ${vmText(tenant, vm)} of ${tenantText(tenant, lists.labels)}` : `Tenant ${tenantText(tenant, lists.labels)}`;
  }

  fit() {
    for (const panel of this.panels.values()) panel.chart.fit();
  }

  /** @returns {import("../files.js").Drawing[]} */
  drawings() {
    return [...this.panels.values()].flatMap(({ counter: { title, key }, chart }) =>
      chart.canvas ? [{ title: title === key ? title : `${title} (${key})`, legend: chart.legend, canvas: chart.canvas }] : [],
    );
  }
}
