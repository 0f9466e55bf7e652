// The counters of a VM under one another with one cursor, beside its tenant, VMs of its size and the fleet; before them the
// verdict on it. Without a VM: a tenant beside the fleet, or the fleet. Knows what to ask; panels know how to show it.

import { askAbout, firstKeys, limited, tellAbout, tellWithout } from "../aboutvm.js";
import { askCharts } from "../ask.js";
import { fill, labelled, made } from "../elements.js";
import { AHEAD, askAhead, endOf, extended, goodness } from "../forecast.js";
import { html, nothing, render } from "../html.js";
import { askVms, firstOf, named } from "../lists.js";
import { onNames, tenantText, vmText } from "../names.js";
import { Panel } from "../panel.js";
import { aboutPeers, askPeers, withPeers } from "../peers.js";
import { intervalOf, minutesOf, secondsBefore, shape } from "../range.js";
import { columns, joined, ownOf } from "../series.js";
import { TenantControls } from "../tenants.js";
import { ownTenant, tellWho } from "../who.js";

const FIRST_COUNTERS = 4; // shown if none is chosen
const CANDIDATES = 8; // of which those are shown that have data
const NONE = { items: new Map(), baselines: new Map(), start: 0, end: 0, suppressed: null };

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../ask.js").Item} Item
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {{keys: string[], tenant: string, vm: string, ahead: string}} Own
 * @typedef {import("../view.js").Chosen<Own>} Chosen
 * @typedef {Awaited<ReturnType<typeof askCharts>>} Answer
 * @typedef {{answer: Answer, before: Answer, forecasts: Map<string, import("../forecast.js").Forecast>,
 *   peers: Map<string, Map<number, (number | null)[]>>, size: string}} Told
 */

/** Why what is usual is not drawn. @param {import("../ask.js").Baseline} baseline @param {Counter} counter @param {import("../series.js").Beside} beside */
function whyNotUsual({ history, reason }, { rule }, beside) {
  if (!history) return reason ? `What is usual is not drawn: ${reason}.` : "";
  const [value, by] = rule === "max" ? ["greatest", "maximum"] : rule === "min" ? ["least", "minimum"] : ["mean", "average"];
  const instead = beside === "vm" ? ` Interval 15 min with the aggregation “${by}” shows it.` : "";
  return `What is usual is not drawn: it is known of the ${value} value of each VM in 15 minutes, and these points are something else.${instead}`;
}

export class Vm {
  name = "vm";
  /** @type {import("../view.js").Control[]} */
  controls = ["range", "against", "points", "csv", "png"];

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.top = made("div", { id: "vm-top" });
    this.charts = made("div", { id: "vm-charts" });
    this.bottom = made("div", { id: "vm-bottom" });
    this.body = made("div", { id: "vm-view" }, this.top, this.charts, this.bottom);
    this.add = made("select", { id: "add" });
    this.whose = new TenantControls((choice) => host.choose({ own: { ...this.own, ...choice, keys: this.byDefault ? [] : this.own.keys } }));
    this.ahead = made("select", { id: "ahead" });
    fill(this.ahead, AHEAD, "0");
    this.fields = [this.whose.field, made("div", { class: "pair" }, labelled("Counters", this.add), labelled("Forecast", this.ahead))];
    this.ahead.addEventListener("change", () => host.choose({ own: { ...this.own, ahead: this.ahead.value } }));
    this.add.addEventListener("change", () => this.add.value && host.choose({ own: { ...this.own, keys: [...this.panels.keys(), this.add.value] } }));
    /** @type {Map<string, Panel>} those that are shown, by counter */
    this.panels = new Map();
    /** @type {Map<string, Panel>} the panels shown before, until the data of the new ones has arrived */
    this.spare = new Map();
    /** @type {{tenant: string, list: Record<string, string>[]}} those of the tenant that was asked for last */
    this.vms = { tenant: "", list: [] };
    /** @type {Own} */
    this.own = { keys: [], tenant: "", vm: "", ahead: "0" };
    this.drawn = false;
    render(html`<p class="note" role="status">Loading …</p>`, this.top);
    this.tellAbout = () => {};
    onNames(() => this.tellAbout());
    /** @type {string[]} the counters that were shown because none was chosen */
    this.defaults = [];
  }

  /** Whether nobody has chosen the counters, so that another VM may begin with others. */
  get byDefault() {
    return String(this.own.keys) === String(this.defaults);
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
    if (this.drawn) this.layOut(lists.counters.filter((counter) => keys.includes(counter.key)), keys); // else nothing moves when the verdict comes
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
    if (figures.some((figure, at) => this.charts.children[at] !== figure) || this.charts.children.length !== figures.length) {
      this.charts.replaceChildren(...figures);
    }
  }

  /** @param {Counter} counter */
  panel(counter) {
    return new Panel(counter, () => this.host.choose({ own: { ...this.own, keys: [...this.panels.keys()].filter((key) => key !== counter.key) } }));
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
    const of = named(lists.tenants, own.tenant);
    if (of && (this.vms.tenant !== of || (own.vm && !this.known(own, lists).vm))) {
      const list = await askVms(of);
      if (!current()) return null;
      this.vms = { tenant: of, list };
    }
    const { tenant, vm } = this.known(own, lists);
    const about = vm ? askAbout(tenant, vm, lists.counters) : null;
    about?.catch(() => {}); // it is awaited below
    await tellWho();
    const byDefault = !this.known(own, lists).keys.length;
    if (byDefault) {
      const told = about ? firstKeys(await about, lists.counters) : [];
      own.keys = [...own.keys, ...(told.length ? told : await this.first({ ...chosen, own }, lists))]; // what is not known stays, so that it is told
    }
    if (!current()) return null;
    if (byDefault) this.defaults = own.keys;
    this.show({ ...chosen, own }, lists);
    const { keys, notice } = this.known(own, lists);
    if (!keys.length) {
      render(nothing, this.top);
      return { own, newest: 0, end: 0, suppressed: "", notice, empty: "There is no counter to show. Add one above." };
    }
    const [told, said] = await Promise.all([this.ask({ ...chosen, own }, lists), about]);
    if (!current()) return null;
    const { answer } = told;
    this.tellAbout = () => {
      const shown = { tenant, vm, labels: lists.labels, counters: lists.counters, utc: range.utc };
      if (said) tellAbout(this.top, this.bottom, said, answer.items, intervalOf(range, this.width()), shown);
      else tellWithout(this.top, this.bottom, tenant);
    };
    this.tellAbout();
    this.drawn = true;
    this.show({ ...chosen, own }, lists);
    for (const panel of this.spare.values()) panel.chart.close();
    this.spare.clear();
    this.draw(told, chosen, vm ? "vm" : tenant && "tenant");
    const some = [...answer.items.values()].some((items) => items.length);
    return { own, newest: some ? answer.end : 0, end: answer.end, suppressed: answer.suppressed ?? "", notice, empty: "" };
  }

  /** The counters to begin with, if nothing says with which: those with data in the range that people look at first. @param {Chosen} chosen @param {Lists} lists */
  async first({ own, range, view }, lists) {
    const keys = firstOf(lists.counters).slice(0, CANDIDATES);
    const { tenant, vm } = this.known(own, lists);
    const { path, parameters } = this.table({ own, range, view }, lists);
    const { items } = await askCharts(path, keys, minutesOf(range), parameters);
    const some = keys.filter((key) => items.get(key)?.some((item) => ownOf(item, vm ? "vm" : tenant && "tenant") !== null));
    return [...new Set([...some, ...keys])].slice(0, FIRST_COUNTERS);
  }

  /** Ask for all that charts show. @param {Chosen} chosen @param {Lists} lists @returns {Promise<Told>} */
  async ask({ own, range, view }, lists) {
    const { keys, vm } = this.known(own, lists);
    const { whose, path, parameters } = this.table({ own, range, view }, lists);
    const size = (vm && this.vms.list.find((each) => each.vm === vm)?.MachineSize) || "";
    const all = vm ? [...new Set([...keys, ...limited(lists.counters)])] : keys;
    /** @type {[string, string][]} What is usual in the fleet is not told to a tenant. */
    const usual = whose.length || !ownTenant() ? [["baseline", "true"]] : [];
    const now = Math.floor(Date.now() / 1000);
    const latest = own.ahead !== "0" && !range.start; // a range of the past has nothing ahead
    const [answer, forecasts, peers] = await Promise.all([
      askCharts(path, all, minutesOf(range), [...parameters, ...usual]),
      latest ? askAhead(keys, own.ahead, whose.length || !ownTenant() ? whose : [["tenant", ownTenant()]]) : new Map(),
      size && !ownTenant() ? askPeers(lists.counters.filter(({ key }) => keys.includes(key)), size, range.start || now - range.minutes * 60, Math.min(range.end || now, now)) : new Map(),
    ]);
    const back = secondsBefore(range);
    const earlier = { ...range, start: answer.start - back, end: answer.end - back };
    const before = back ? await askCharts(path, keys, minutesOf(range), [...shape(earlier, this.width()), ...whose]) : NONE;
    return { answer, before, forecasts, peers, size };
  }

  /** @param {Told} told @param {Chosen} chosen @param {import("../series.js").Beside} beside */
  draw({ answer, before, forecasts, peers, size }, { range }, beside) {
    const shown = /** @type {[number, number]} */ ([answer.start, Math.max(answer.end, ...[...forecasts.values()].map(endOf))]);
    const whose = beside || (ownTenant() ? "tenant" : "fleet");
    const interval = intervalOf(range, this.width());
    const height = this.panels.size > 2 ? 190 : this.panels.size > 1 ? 240 : 320;
    const back = secondsBefore(range);
    for (const [key, panel] of this.panels) {
      const items = answer.items.get(key) ?? [];
      const [forecast, alike, baseline] = [forecasts.get(key), peers.get(key), answer.baselines.get(key)];
      const usual = items.some(({ low }) => typeof low === "number");
      let points = columns(items, interval, beside, usual);
      if (alike?.size) points = withPeers(points, alike);
      if (back) points = joined(points, new Map((before.items.get(key) ?? []).map((item) => [item.timestamp + back, [ownOf(item, beside)]])), 1);
      if (forecast) points = extended(points, forecast);
      const name = { vm: "this VM", tenant: "the tenant", fleet: "the fleet" }[whose];
      /** @type {import("../chart.js").Look} */
      const look = {
        unit: panel.counter.unit, beside, small: false, utc: range.utc, interval, height, usual, ahead: forecast ? whose : "",
        peers: alike?.size ? `VMs of its size, ${size}` : "", before: back ? { day: "A day before", week: "A week before", "": "" }[range.before] : "",
        onRange: (/** @type {number} */ start, /** @type {number} */ end) => this.host.zoom(start, end),
      };
      panel.show(items, points, look, shown, [
        usual ? `Grey: what is usual for ${name} at this hour (windows of 15 minutes, four days of five), from ${baseline?.history} days.` : "",
        !usual && baseline && items.length ? whyNotUsual(baseline, panel.counter, beside) : "",
        beside === "vm" ? aboutPeers(panel.counter, size, minutesOf(range), Boolean(ownTenant()), Boolean(alike?.size)) : "",
        forecast ? goodness(forecast, range.by, interval, whose) : "",
      ]);
    }
  }

  /** The data of its table. @param {Chosen} chosen @param {Lists} lists */
  table({ own, range }, lists) {
    const { keys, tenant, vm } = this.known(own, lists);
    /** @type {[string, string][]} */
    const whose = tenant ? [["tenant", tenant], ...(vm ? [/** @type {[string, string]} */ (["vm", vm])] : [])] : [];
    return { whose, path: whose.length ? "v1/get-tenant-data" : "v1/get-data", keys, parameters: [...shape(range, this.width()), ...whose] };
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

  drawings() {
    return [...this.panels.values()].flatMap((panel) => panel.saved);
  }
}
