// VMs by one counter, the worst first: of the fleet the worst at once, and all of them, tenant after tenant, if a person
// asks for that. Knows where the rows come from and which controls choose them. How the table scrolls, vmtable.js knows.

import { ask, Problem } from "../ask.js";
import { fill, labelled, made, settled } from "../elements.js";
import { named, NO_LISTS } from "../lists.js";
import { onNames, tenantName, tenantText, texts, vmText } from "../names.js";
import { VmTable } from "../vmtable.js";
import { listed, matching, ordered, SORTS } from "../vmlist.js";
import { ownTenant, tellWho } from "../who.js";
import { WINDOW } from "../windows.js";

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../ask.js").Parameters} Parameters
 * @typedef {import("../vmlist.js").Ranked} Ranked
 * @typedef {import("../vmlist.js").Vm} Vm
 * @typedef {{key: string, tenant: string, pool: string, region: string, size: string, search: string, sort: string, all: boolean}} Own
 *   `all`: of the fleet, not only the worst
 * @typedef {import("../view.js").Chosen<Own>} Chosen
 * @typedef {{id: string, window: number, coverage: number, wholly: boolean, vms: Vm[], of: number, tenants: number, loaded: number, failed: string[]}} Data
 *   `id`: what was asked. `window`: of all values; 0: there are none. `coverage`: how many of the expected VMs it has, 0 to 1.
 *   `wholly`: whether all VMs are listed, or will be when all `tenants` are `loaded`. `of`: how many there are
 */

const FIRST = "win_session.input_delay_ms"; // shown if nothing is unusual
const MOST = "5000"; // VMs in a page: the API's limit
const AT_ONCE = 3; // tenants
const FRESH_MS = 45_000;

export class Vms {
  name = "vms";
  /** @type {import("../view.js").Control[]} */
  controls = [];

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.key = made("select", { id: "vms-key" });
    this.tenant = made("select", { id: "vms-tenant" });
    this.pool = made("select", { id: "vms-pool" });
    this.region = made("select", { id: "vms-region" });
    this.size = made("select", { id: "vms-size" });
    this.search = made("input", { id: "vms-search", type: "search", autocomplete: "off", spellcheck: "false" });
    this.tenantField = labelled("Tenant", this.tenant);
    this.poolField = labelled("Pool", this.pool);
    this.fields = [labelled("Counter", this.key), this.tenantField, this.poolField, labelled("Region", this.region), labelled("Size", this.size), labelled("Search", this.search)];
    this.list = new VmTable(host);
    this.body = made("div", { id: "vms" }, this.list.body);
    this.lists = NO_LISTS;
    /** @type {Own} */
    this.own = this.read(new URLSearchParams());
    /** @type {Data} */
    this.data = this.empty("", undefined);
    this.coming = this.data; // what is loading while the values of an older window are shown
    this.at = 0; // when was asked, in milliseconds
    /** @type {{id: string, regions: string[], sizes: string[]}} of the fleet */
    this.groups = { id: "", regions: [], sizes: [] };
    /** @type {Chosen | null} */
    this.chosen = null;
    for (const name of /** @type {("key" | "tenant" | "pool" | "region" | "size")[]} */ (["key", "tenant", "pool", "region", "size"])) {
      this[name].addEventListener("change", () => this.change({ [name]: this[name].value, ...(name === "tenant" ? { pool: "", region: "", size: "" } : {}) }));
    }
    this.search.addEventListener("input", settled(() => this.body.hidden || this.host.adjust({ ...this.own, search: this.search.value }), 250));
    onNames(() => {
      for (const data of new Set([this.data, this.coming])) data.vms = data.vms.map((vm) => this.named(vm));
      this.draw();
    });
  }

  /** @param {Partial<Own>} own */
  change(own) {
    this.host.choose({ own: { ...this.own, ...own } });
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    const text = (/** @type {string} */ name) => given.get(name) ?? "";
    const sort = SORTS.includes(text("sort")) ? text("sort") : "";
    return { key: text("key"), tenant: text("tenant"), pool: text("pool"), region: text("region"), size: text("size"), search: text("search"), sort, all: text("all") === "true" };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ key, tenant, pool, region, size, search, sort, all }) {
    return [["key", key], ["tenant", tenant], ["pool", pool], ["region", region], ["size", size], ["search", search], ["sort", sort], ["all", all && !tenant ? "true" : ""]];
  }

  /** Set the controls to the choice. @param {Chosen} chosen @param {import("../lists.js").Lists} lists */
  show({ own }, lists) {
    this.own = own;
    this.lists = lists;
    const tenant = named(lists.tenants, own.tenant) ?? "";
    const distinct = (/** @type {"Region" | "MachineSize" | "ResourcePoolName"} */ of) => [...new Set(this.data.vms.map((vm) => vm[of] ?? ""))].filter(Boolean).sort();
    const choices = (/** @type {string[]} */ all, /** @type {string} */ chosen, /** @type {string} */ none) =>
      /** @type {[string, string][]} */ ([["", none], ...[...new Set([...all, ...(chosen ? [chosen] : [])])].map((each) => [each, each])]);
    fill(this.key, lists.counters.map(({ key, title, group }) => [key, title, group]), own.key || FIRST);
    fill(this.tenant, [["", "all tenants"], ...texts(lists.tenants, (each) => lists.labels.get(each) ?? tenantName(each))], tenant);
    fill(this.pool, choices(distinct("ResourcePoolName"), own.pool, "all pools"), own.pool);
    fill(this.region, choices(tenant ? distinct("Region") : this.groups.regions, own.region, "all regions"), own.region);
    fill(this.size, choices(tenant ? distinct("MachineSize") : this.groups.sizes, own.size, "all sizes"), own.size);
    this.tenantField.hidden = lists.tenants.length < 2 || Boolean(ownTenant());
    this.poolField.hidden = !tenant && !own.pool;
    if (document.activeElement !== this.search) this.search.value = own.search;
  }

  /** @param {Chosen} chosen @param {import("../lists.js").Lists} lists @param {() => boolean} current */
  async refresh(chosen, lists, current) {
    await tellWho(); // a tenant's people may not ask for the fleet
    const tenant = ownTenant() || (named(lists.tenants, chosen.own.tenant) ?? "");
    const strange = chosen.own.tenant && !tenant ? `There is no tenant ${chosen.own.tenant} here; you see all tenants. Check the link, or choose a tenant above.` : "";
    const asked = named(lists.counters.map((counter) => counter.key), chosen.own.key);
    const key = asked ?? (await this.telling(tenant, lists));
    const notice = [strange, chosen.own.key && !asked ? `There is no counter ${chosen.own.key} here. Check the link, or choose a counter above.` : ""].filter(Boolean).join(" ");
    const own = { ...chosen.own, key, tenant };
    const wholly = !tenant && (own.all || Boolean(own.search || own.sort || own.pool || (own.region && own.size)));
    const filters = tenant || wholly ? [] : [own.region, own.size];
    const id = JSON.stringify([key, tenant, wholly, ...filters]);
    const [at, kept] = [Date.now(), this.data.id === id && Date.now() - this.at <= FRESH_MS];
    const [data] = await Promise.all([
      kept ? null : tenant ? this.askTenant(id, key, tenant) : wholly ? this.askNewest(id, key) : this.askWorst(id, key, own),
      !tenant && this.groups.id !== key ? this.askGroups(key) : null,
    ]);
    if (!current()) return null;
    if (data) {
      this.at = at;
      this.take(data, key, lists.tenants);
    }
    this.lists = lists;
    this.chosen = { ...chosen, own };
    this.show(this.chosen, lists);
    this.draw();
    const newest = this.newest(lists);
    return { own, newest, end: newest, suppressed: "", notice, empty: "" };
  }

  /** The newest minute, as far as it is known. @param {import("../lists.js").Lists} lists */
  newest({ counters }) {
    if (!ownTenant()) return Math.max(0, ...counters.map((counter) => counter.newest));
    // A tenant's people are told of newest minutes only when their window is closed, so for them these values are newer.
    const { window } = this.data;
    return window && Math.min(window + WINDOW - 60, 60 * Math.floor(Date.now() / 60_000));
  }

  /** Show an answer. If it asks for the VMs of all tenants, those of an older window stay until the new ones are there. @param {Data} data @param {string} key @param {string[]} tenants */
  take(data, key, tenants) {
    const same = this.data.id === data.id;
    const loading = data.loaded < data.tenants;
    if (loading && same && this.coming.window === data.window) return;
    this.coming = data;
    if (!loading || !same) this.data = data;
    if (loading) this.askAll(data, key, tenants);
  }

  /** The counter to begin with: of what is most unusual, of those that have a worse side. @param {string} tenant @param {import("../lists.js").Lists} lists */
  async telling(tenant, lists) {
    /** @type {{data: {key: string | null}[]}} */
    const { data } = await ask("v1/get-unusual", this.whose(tenant));
    const worse = new Map(lists.counters.map((counter) => [counter.key, counter.worse]));
    const unusual = data.find(({ key }) => key !== null && !["none", undefined].includes(worse.get(key)))?.key;
    return unusual ?? (worse.has(FIRST) ? FIRST : (lists.counters[0]?.key ?? ""));
  }

  /** @param {string} tenant @returns {Parameters} */
  whose(tenant) {
    return tenant ? [["tenant", tenant]] : [];
  }

  /** The fleet's regions and sizes, to choose from. @param {string} key */
  async askGroups(key) {
    const [regions, sizes] = await Promise.all(["Region", "MachineSize"].map(async (by) => {
      /** @type {{group: string | null}[]} */
      const groups = (await ask("v1/get-groups", [["key", key], ["groupBy", by]])).data;
      return groups.flatMap(({ group }) => group ?? []);
    }));
    this.groups = { id: key, regions: regions ?? [], sizes: sizes ?? [] };
  }

  /** @param {Ranked} ranked @returns {Vm} */
  named(ranked) {
    return listed(ranked, vmText(ranked.tenant, ranked.vm), tenantText(ranked.tenant, this.lists.labels));
  }

  /** Of the window of a VM; without one there is none. @param {string} id @param {Ranked | undefined} first @returns {Data} */
  empty(id, first) {
    return { id, window: first?.window ?? 0, coverage: first?.coverage ?? 1, wholly: true, vms: [], of: 0, tenants: 0, loaded: 0, failed: [] };
  }

  /** All VMs of the fleet in its newest window, before any has come. @param {string} id @param {string} key @returns {Promise<Data>} */
  async askNewest(id, key) {
    /** @type {{data: Ranked[]}} */
    const { data } = await ask("v1/get-ranking", [["key", key], ["limit", "1"]]);
    return { ...this.empty(id, data[0]), tenants: data.length ? this.lists.tenants.length : 0 };
  }

  /** The worst of the fleet. @param {string} id @param {string} key @param {Own} own @returns {Promise<Data>} */
  async askWorst(id, key, { region, size }) {
    /** @type {Parameters} */
    const filter = region ? [["Region", region]] : size ? [["MachineSize", size]] : [];
    /** @type {{data: Ranked[]}} */
    const { data } = await ask("v1/get-ranking", [["key", key], ["limit", "20"], ...filter]);
    return { ...this.empty(id, data[0]), wholly: false, vms: data.map((each) => this.named(each)), of: data[0]?.of ?? 0 };
  }

  /** All VMs of a tenant in a window; 0: in its newest. @param {string} key @param {string} tenant @param {number} window @returns {Promise<Ranked[]>} */
  async rankedOf(key, tenant, window) {
    const when = /** @type {Parameters} */ (window ? [["window", String(window)]] : []);
    /** @type {Ranked[]} */
    const all = [];
    let page = "";
    do {
      const answer = await ask("v1/get-ranking", [["key", key], ["tenant", tenant], ["limit", MOST], ...when, ...(page ? /** @type {Parameters} */ ([["page", page]]) : [])]);
      all.push(...answer.data);
      page = answer.nextPage ?? "";
    } while (page);
    return all;
  }

  /** @param {string} id @param {string} key @param {string} tenant @returns {Promise<Data>} */
  async askTenant(id, key, tenant) {
    const vms = (await this.rankedOf(key, tenant, 0)).map((each) => this.named(each));
    return { ...this.empty(id, vms[0]), vms, of: vms.length, tenants: 1, loaded: 1 };
  }

  /** Load the VMs of all tenants, a few at a time, as long as they are asked for. @param {Data} data @param {string} key @param {string[]} tenants */
  async askAll(data, key, tenants) {
    const left = [...tenants];
    const work = async () => {
      for (let tenant = left.shift(); tenant !== undefined && this.coming === data; tenant = left.shift()) {
        try {
          const found = await this.rankedOf(key, tenant, data.window);
          data.vms = [...data.vms, ...found.map((each) => this.named(each))];
          data.loaded += 1;
          data.of = data.vms.length;
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          data.failed.push(tenantText(tenant, this.lists.labels));
        }
        if (this.data === data) this.draw();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (this.coming !== data || !data.loaded) return; // something else is asked for, or nothing came
    this.data = data;
    this.draw();
  }

  draw() {
    if (!this.chosen) return;
    const { own } = this.chosen;
    const counter = this.lists.counters.find((each) => each.key === own.key);
    if (!counter) return;
    const rows = ordered(matching(this.data.vms, own), own.sort, counter.worse);
    this.list.show(rows, { chosen: this.chosen, counter, data: this.data });
  }

  width() {
    return 240;
  }

  fit() {
    this.list.fit();
  }

  /** @param {Chosen} chosen @param {import("../lists.js").Lists} lists */
  heading({ own }, lists) {
    const title = lists.counters.find((each) => each.key === (this.chosen?.own.key ?? own.key))?.title;
    const whose = own.tenant ? ` of ${tenantText(own.tenant, lists.labels)}` : "";
    return `VMs${whose}${title ? ` by ${title.toLowerCase()}` : ""}`;
  }
}
