// Where it is: groups of VMs by counters, coloured by how far they are from normal. Links lead down, from the fleet to a
// tenant, a region or a size of VMs, a pool and a VM; and back up. Knows the levels. How a cell is judged and said, matrix.js knows.

import { ask } from "../ask.js";
import { fromTo } from "../clock.js";
import { made } from "../elements.js";
import { html, nothing, render, repeat } from "../html.js";
import { named, NO_LISTS } from "../lists.js";
import { compared, distance, figures, isKnown, rowsOf, sorted, unusual } from "../matrix.js";
import { onNames, tenantText, vmText } from "../names.js";
import { askTenantsOf } from "../tenantsof.js";
import { ownTenant, tellWho } from "../who.js";
import { WINDOW } from "../windows.js";

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../matrix.js").Cell} Cell
 * @typedef {import("../matrix.js").Matrix} Matrix
 * @typedef {import("../matrix.js").Row} Row
 * @typedef {{by: string, tenant: string, pool: string, region: string, size: string, key: string}} Own `key`: by which
 *   counter groups are ordered; empty: by their farthest cell
 * @typedef {import("../view.js").Chosen<Own>} Chosen
 */

const MOST = "200"; // groups: the API's limit
const NOTHING = { by: "", tenant: "", pool: "", region: "", size: "", key: "" };

/** @type {Record<string, string>} what groups are called, one and several */
const ONE = { tenant: "Tenant", Region: "Region", MachineSize: "Size", ResourcePoolName: "Pool", SiteName: "Site", vm: "VM" };
/** @type {Record<string, string>} */
const MANY = { tenant: "tenants", Region: "regions", MachineSize: "sizes", ResourcePoolName: "pools", SiteName: "sites", vm: "VMs" };
/** @param {string} by */
const one = (by) => (by === "vm" ? "VM" : (ONE[by]?.toLowerCase() ?? ""));
const OF_FLEET = ["tenant", "Region", "MachineSize"];
const OF_TENANT = ["ResourcePoolName", "vm", "Region", "MachineSize"];

/** @type {["pool" | "region" | "size", string][]} what VMs are chosen by, and the API's name of it */
const FILTERS = [["pool", "ResourcePoolName"], ["region", "Region"], ["size", "MachineSize"]];

export class Where {
  name = "where";
  /** @type {import("../view.js").Control[]} */
  controls = [];
  /** @type {HTMLElement[]} */
  fields = [];

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "where" });
    this.lists = NO_LISTS;
    /** @type {{chosen: Chosen, matrix: Matrix & {failed?: string[]}} | null} */
    this.shown = null;
    render(html`<p class="empty" role="status">Loading …</p>`, this.body);
    onNames(() => this.draw());
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    const text = (/** @type {string} */ name) => given.get(name) ?? "";
    return { by: text("groupBy"), tenant: text("tenant"), pool: text("pool"), region: text("region"), size: text("size"), key: text("key") };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ by, tenant, pool, region, size, key }) {
    const usual = tenant ? (pool || region || size ? "vm" : OF_TENANT[0]) : OF_FLEET[0]; // also of a region or a size of the fleet
    return [["groupBy", by === usual ? "" : by], ["tenant", tenant], ["pool", pool], ["region", region], ["size", size], ["key", key]];
  }

  show() {}

  /** The choice, completed, and what of it is unknown. @param {Own} own @param {import("../lists.js").Lists} lists */
  known(own, lists) {
    const tenant = ownTenant() || (named(lists.tenants, own.tenant) ?? "");
    const filtered = Boolean((tenant && own.pool) || own.region || own.size);
    const offered = filtered ? [tenant ? "vm" : "tenant"] : tenant ? OF_TENANT : OF_FLEET;
    const by = offered.includes(own.by) ? own.by : (offered[0] ?? "");
    const key = named(lists.counters.map((each) => each.key), own.key) ?? "";
    const notice = own.tenant && !tenant ? `There is no tenant ${own.tenant} here; you see the fleet. Check the link, or choose a tenant below.` : "";
    const kept = filtered ? (tenant ? own : { ...own, pool: "", size: own.region ? "" : own.size }) : NOTHING;
    return { own: { ...kept, by, tenant, key }, notice };
  }

  /** @param {Chosen} chosen @param {import("../lists.js").Lists} lists @param {() => boolean} current */
  async refresh(chosen, lists, current) {
    await tellWho(); // a tenant's people may not ask for the fleet
    const { own, notice } = this.known(chosen.own, lists);
    /** @type {import("../ask.js").Parameters} */
    const filters = FILTERS.flatMap(([name, dimension]) => (own[name] ? [[dimension, own[name]]] : []));
    const [place] = filters;
    const matrix = !own.tenant && place
      ? await askTenantsOf(own.region ? "Region" : "MachineSize", place[1], lists, (done, of) => current() && this.loading(done, of, own), current)
      : await ask("v1/get-matrix", [["groupBy", own.by], ["limit", MOST], ...(own.tenant ? /** @type {[string, string][]} */ ([["tenant", own.tenant]]) : []), ...filters]);
    if (!current()) return null;
    this.lists = lists;
    this.shown = { chosen: { ...chosen, own }, matrix };
    this.draw();
    // A tenant's people are told of newest minutes only when their window is closed, so for them this answer is newer.
    const ended = matrix.window ? matrix.window + WINDOW - 60 : 0;
    const newest = ownTenant() ? ended : Math.max(0, ...lists.counters.map((counter) => counter.newest));
    return { own, newest, end: (matrix.window ?? 0) + WINDOW, suppressed: "", notice, empty: "" };
  }

  /** How many tenants are asked already; nothing while the same choice is shown. @param {number} done @param {number} of @param {Own} own */
  loading(done, of, own) {
    if (this.shown && JSON.stringify(this.write(this.own)) === JSON.stringify(this.write(own))) return;
    this.shown = null;
    render(html`<p class="empty" role="status">Loading the tenants that have VMs of ${own.region || own.size}: ${done} of ${of} asked. <progress max=${of} value=${done} aria-label="Tenants"></progress></p>`, this.body);
  }

  draw() {
    if (!this.shown) return;
    const { chosen, matrix } = this.shown;
    const { own } = chosen;
    const counters = matrix.keys.flatMap((key) => this.lists.counters.find((counter) => counter.key === key) ?? []);
    const first = counters.find((counter) => counter.key === own.key);
    const all = rowsOf(matrix.data);
    const rows = first ? sorted(all, first) : all;
    render(
      html`${this.crumbs()}
        ${this.groupings()}
        ${matrix.failed?.length ? html`<p class="note">Not loaded: ${matrix.failed.map((tenant) => tenantText(tenant, this.lists.labels)).join(", ")}. The page asks again within a minute.</p>` : nothing}
        ${rows.length ? html`${this.about(rows, counters)}${this.matrix(rows, counters)}` : html`<p class="empty">${this.why(matrix)}</p>`}`,
      this.body,
    );
  }

  /** Why there is nothing to see, and what to do. @param {Matrix} matrix */
  why({ window }) {
    if (!window) return "There are no complete quarter hours yet. The first one appears about 20 minutes after a tenant's collector (SPOC) has sent its first data.";
    return "No VM of this choice has data in the newest quarter hour. Go up a level, or look at the VMs that are silent in the Now view.";
  }

  /** @param {Partial<Own>} own the address of another state of this view */
  to(own) {
    return this.host.address("where", { ...NOTHING, ...own }, this.range);
  }

  get range() {
    return /** @type {{chosen: Chosen}} */ (this.shown).chosen.range;
  }

  get own() {
    return /** @type {{chosen: Chosen}} */ (this.shown).chosen.own;
  }

  crumbs() {
    const { tenant, pool, region, size, key } = this.own;
    /** @type {[string, string][]} */
    const steps = ownTenant() ? [] : [["The fleet", this.to({ by: OF_FLEET[0], key })]];
    if (tenant) steps.push([tenantText(tenant, this.lists.labels), this.to({ tenant, by: OF_TENANT[0], key })]);
    if (pool || region || size) steps.push([pool ? `Pool ${pool}` : (region || size), ""]);
    return html`<nav class="crumbs" aria-label="Where you are">
      <ol>${steps.map(([text, address], at) => html`<li>${at < steps.length - 1 ? html`<a href=${address}>${text}</a>` : html`<span aria-current="page">${text}</span>`}</li>`)}</ol>
    </nav>`;
  }

  groupings() {
    const { by, tenant, pool, region, size, key } = this.own;
    if (pool || region || size) return nothing;
    return html`<nav class="choices" aria-label="Group by">
      ${(tenant ? OF_TENANT : OF_FLEET).map((each) => html`<a href=${this.to({ tenant, by: each, key })} aria-current=${each === by ? "true" : nothing}>by ${ONE[each]?.replace(/^[TRSP]/, (letter) => letter.toLowerCase())}</a>`)}
    </nav>`;
  }

  /** What the figures are, and what is unusual. @param {Row[]} rows @param {Counter[]} counters */
  about(rows, counters) {
    const { matrix } = /** @type {{matrix: Matrix}} */ (this.shown);
    const { by } = this.own;
    const window = matrix.window ?? 0;
    const count = `${matrix.of} ${matrix.of === 1 ? one(by) : MANY[by]}`;
    const there = !this.own.tenant && (this.own.region || this.own.size);
    const value = by === "vm" ? "Each figure is the VM's own" : `Each figure is the average over the VMs of a ${one(by)}${there ? ` in ${there}` : ""}`;
    const learned = matrix.reason === null && rows.some(isKnown);
    const usual = there ? `Coloured is where a quarter of these VMs, and two at least, stayed outside of what is usual for each of them for most of the last hour:`
      : `It is compared with what is usual for that ${one(by)} at this hour of the week. Coloured is what stayed outside of that for most of the last hour:`;
    const part = matrix.of > rows.length ? `There are ${count}. You see the ${rows.length} of them that are farthest from normal. ` : "";
    return html`<p class="lead">${part}${learned ? this.summary(rows, counters) : `${part ? "" : `${count}. `}What is normal for ${matrix.of === 1 ? "it" : "them"} is not known${matrix.reason ? " yet" : ""}.`}</p>
      <p class="note">${value}, from ${fromTo(window, window + WINDOW, this.range.utc)}${matrix.final ? "" : " (late data may still come)"}.
        ${learned ? html`${usual}
          ${there ? html`<span class="legend"><span class="worse-1">worse</span> <span class="other-1">different</span></span>` : html`<span class="legend"><span class="worse-1">worse</span> <span class="worse-2">far worse</span> <span class="worse-3">very far</span> <span class="other-1">different</span> <span class="other-2">far</span> <span class="other-3">very far</span></span>`}`
        : this.unlearned(matrix, rows)}
        ${there ? html`<a href=${this.host.address("vms", [["key", this.own.key], ["region", this.own.region], ["size", this.own.size]], this.range)}>The worst VMs of ${there}</a>` : nothing}</p>`;
  }

  /** How the groups that are shown are, in a sentence. @param {Row[]} rows @param {Counter[]} counters */
  summary(rows, counters) {
    const { matrix } = /** @type {{matrix: Matrix}} */ (this.shown);
    const { by } = this.own;
    const { worse, other } = unusual(rows, counters);
    const unknown = rows.filter((row) => !isKnown(row)).length;
    if (matrix.of === 1) return `The only ${one(by)} is ${worse ? "worse than usual" : other ? "unusual, but not worse" : "as usual"}.`;
    const all = matrix.of > rows.length ? `these ${rows.length}` : `${rows.length} ${MANY[by]}`;
    if (!worse && !other) return unknown ? `${rows.length - unknown} of ${all} ${rows.length - unknown === 1 ? "is" : "are"} as usual; of ${unknown} it is not known what is usual.` : `All ${all} are as usual.`;
    const first = worse ? `${worse} of ${all} ${worse === 1 ? "is" : "are"} worse than usual` : `None of ${all} is worse than usual`;
    return `${first}${other ? `, ${other} ${other === 1 ? "is" : "are"} unusual in another way` : ""}.`;
  }

  /** Why nothing has a colour. @param {Matrix} matrix @param {Row[]} rows */
  unlearned(matrix, rows) {
    const reason = matrix.reason ?? rows.flatMap((row) => [...row.cells.values()]).find((cell) => cell.reason)?.reason;
    return reason ? `Nothing has a colour: ${reason}.` : nothing;
  }

  /** @param {Row[]} rows @param {Counter[]} counters */
  matrix(rows, counters) {
    const { by, key: first } = this.own;
    const columns = new Map(counters.map((counter) => [counter.key, figures(rows.map((row) => row.cells.get(counter.key)), counter)]));
    return html`<div class="table panel" role="region" tabindex="0" aria-label="${ONE[by]} by counter">
      <table>
        <thead><tr>
          <th scope="col" aria-sort=${first ? nothing : "descending"}><a href=${this.to({ ...this.own, key: "" })}>${ONE[by]}</a></th>
          ${counters.map(({ key, title }) => html`<th scope="col" aria-sort=${key === first ? "descending" : nothing}><a href=${this.to({ ...this.own, key })}>${title}</a></th>`)}
        </tr></thead>
        <tbody>${repeat(rows, (row) => row.group, (row, at) => html`<tr>
          <th scope="row">${row.group === null ? "unknown" : html`<a href=${this.down(row.group, first)}>${this.text(row.group)}</a>`}</th>
          ${counters.map((counter) => this.cell(row, counter, columns.get(counter.key)?.[at] ?? "–"))}
        </tr>`)}</tbody>
      </table>
    </div>`;
  }

  /** @param {Row} row @param {Counter} counter @param {string} figure */
  cell(row, counter, figure) {
    const cell = row.cells.get(counter.key);
    if (!cell) return html`<td class="figure">–</td>`;
    const { side, level } = distance(cell, counter.worse);
    const linked = row.group === null ? html`<span>${figure}</span>` : html`<a href=${this.down(row.group, counter.key)}>${figure}</a>`;
    return html`<td class="figure ${level ? `${side}-${level}` : ""}">${linked}${compared(cell, counter).map((words) => html`<small>${words}</small>`)}</td>`;
  }

  /** A group for people. @param {string} group */
  text(group) {
    const { by, tenant } = this.own;
    return by === "tenant" ? tenantText(group, this.lists.labels) : by === "vm" ? vmText(tenant, group) : group;
  }

  /** The address of what a group consists of, ordered by a counter. @param {string} name @param {string} key */
  down(name, key) {
    const { by, tenant, region, size } = this.own;
    if (by === "vm") return this.host.address("vm", [["key", key], ["tenant", tenant], ["vm", name]], this.range);
    if (by === "tenant") return this.to(region || size ? { tenant: name, by: "vm", region, size, key } : { tenant: name, by: OF_TENANT[0], key });
    const place = FILTERS.find(([, dimension]) => dimension === by)?.[0] ?? "pool";
    // The places that the fleet has no room for (docs/api.md): no tenant knows which these are.
    if (!tenant && name === "other") return this.host.address("vms", [["key", key], [place, name]], this.range);
    return this.to({ tenant, by: tenant ? "vm" : "tenant", [place]: name, key });
  }

  width() {
    return 240;
  }

  fit() {}

  /** @param {Chosen} chosen @param {import("../lists.js").Lists} lists */
  heading({ own }, lists) {
    const { by, tenant, pool, region, size } = this.known(own, lists).own;
    const whose = [tenant && tenantText(tenant, lists.labels), pool || region || size].filter(Boolean).join(", ");
    return `${MANY[by]?.replace(/^[trsp]/, (letter) => letter.toUpperCase())} of ${whose || "the fleet"}`;
  }
}
