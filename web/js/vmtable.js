// The table of VMs: it scrolls in its own place, with only the rows in view in the document (rows.js), and asks for the
// small charts of those. Knows how rows look and which keys move among them. Does not know where the rows come from.

import { ask, Problem } from "./ask.js";
import { fromTo } from "./clock.js";
import { made, settled } from "./elements.js";
import { classes, html, nothing, render, repeat, svg } from "./html.js";
import { scaleOf } from "./lines.js";
import { LOCALES } from "./locale.js";
import { alike, percent } from "./numbers.js";
import { isPaper } from "./paper.js";
import { rowAfterKey, rowsInView, scrolledTo } from "./rows.js";
import { sparkLine } from "./spark.js";
import { ownTenant } from "./who.js";
import { WINDOW } from "./windows.js";

/**
 * @typedef {import("./vmlist.js").Vm} Vm
 * @typedef {import("./lines.js").Point} Point
 * @typedef {{chosen: import("./views/vms.js").Chosen, counter: import("./ask.js").Counter, data: import("./views/vms.js").Data}} About
 */

const ROW = 40; // pixels, as in vms.css
const SPARE = 6;
const PRINTED = 300; // rows: some ten pages
const WINDOWS = 8; // of the small charts
const AT_ONCE = 4;
const SETTLED_MS = 150; // after scrolling, before charts are asked for

export class VmTable {
  /** @param {import("./view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.told = made("div", {});
    this.list = made("div", {});
    this.body = made("div", {}, this.told, this.list);
    /** @type {Vm[]} */
    this.rows = [];
    /** @type {About | null} */
    this.about = null;
    this.active = 0; // the row to which the tabulator key leads
    /** @type {Map<string, Point[]>} by counter, window, tenant and VM */
    this.trends = new Map();
    this.trendsOf = ""; // counter and window
    /** @type {Map<unknown, string>} addresses that were written already, by what they lead to */
    this.addresses = new Map();
    this.asking = 0;
    /** @type {{rows: Vm[], largest: number}} the largest value, for the bars */
    this.most = { rows: [], largest: 1 };
    this.pending = false;
    this.asks = settled(() => this.askTrends(), SETTLED_MS);
    /** @type {HTMLElement | null} what scrolls */
    this.place = null;
    this.seen = 20 * ROW; // of rows, in pixels
    this.resized = new ResizeObserver(() => this.fit());
    addEventListener("paper", () => this.tell());
    render(html`<p class="empty" role="status">Loading …</p>`, this.told);
  }

  /** @param {Vm[]} rows in their order @param {About} about */
  show(rows, about) {
    const other = this.about && JSON.stringify(this.about.chosen.own) !== JSON.stringify(about.chosen.own);
    this.rows = rows;
    this.about = about;
    this.addresses.clear();
    const trendsOf = `${about.chosen.own.key} ${about.data.window}`;
    if (this.trendsOf !== trendsOf) this.trends.clear();
    this.trendsOf = trendsOf;
    if (other) {
      this.active = 0;
      if (this.place) this.place.scrollTop = 0;
    }
    this.active = Math.max(0, Math.min(this.active, rows.length - 1));
    this.tell();
    this.asks();
  }

  tell() {
    if (!this.about) return;
    render(this.words(this.about), this.told);
    this.draw();
  }

  fit() {
    this.measure();
    this.draw();
    this.asks();
  }

  /** What is seen of rows: not what the head covers. */
  measure() {
    if (this.place) this.seen = Math.max(ROW, this.place.clientHeight - (this.place.querySelector("thead")?.offsetHeight ?? 0));
  }

  /** Draw before the next frame, once. */
  soon() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  scrolled() {
    this.soon();
    this.asks();
  }

  /** @param {number} [scroll] pixels */
  inView(scroll = this.place?.scrollTop ?? 0) {
    if (isPaper()) return { first: 0, last: Math.min(PRINTED, this.rows.length), before: 0, after: 0 };
    return rowsInView(scroll, this.seen, ROW, this.rows.length, SPARE);
  }

  /** @param {number} [scroll] to where it scrolls then, in pixels */
  draw(scroll) {
    if (!this.about) return;
    const { first, last, before, after } = this.inView(scroll);
    const focused = document.activeElement;
    render(this.rows.length ? this.table(this.about, first, last) : this.none(this.about), this.list);
    // A row that moves loses the focus.
    if (focused !== document.activeElement && focused && this.list.contains(focused)) /** @type {HTMLElement} */ (focused).focus({ preventScroll: true });
    this.list.querySelectorAll(".room td").forEach((room, at) => /** @type {HTMLElement} */ (room).style.setProperty("height", `${at ? after : before}px`));
    if (this.place && scroll !== undefined) this.place.scrollTop = scroll; // now there is room for it
    const place = /** @type {HTMLElement | null} */ (this.list.querySelector(".rows"));
    if (place === this.place) return;
    this.place = place;
    this.resized.disconnect();
    if (place) this.resized.observe(place); // which fits it
  }

  /** What the table shows, and what can be done. @param {About} about */
  words({ chosen, counter, data }) {
    const { own, range } = chosen;
    const end = (counter.worse === "low") === (own.sort === "best") ? "highest" : "lowest";
    const title = counter.title.toLowerCase();
    const order = own.sort && own.sort !== "best" ? `by ${own.sort}` : `the ${end} ${title} first`;
    const { window, coverage, wholly, of: all, tenants, loaded, failed } = data;
    const where = [own.region, own.size].filter(Boolean).join(", ");
    const count = `${this.rows.length.toLocaleString(LOCALES)} of ${all.toLocaleString(LOCALES)} ${all === 1 ? "VM" : "VMs"}`;
    const inIt = where ? ` in ${where}` : "";
    const worst = all === 1 ? `The only VM${inIt} by ${title}.` : all ? `The ${this.rows.length} ${end} of ${all.toLocaleString(LOCALES)} VMs${inIt} by ${title}.` : "";
    const lead = wholly ? `${count}, ${order}.` : worst;
    const few = wholly && coverage < 1 ? ` Only VMs with a value in it are listed: ${percent(coverage)} of the expected VMs have reached it.` : "";
    const loading = isLoading(data);
    const part = isPaper() && this.rows.length > PRINTED ? ` Printed are the first ${PRINTED} of them; choose a tenant, a region, a size or a part of a name for others.` : "";
    return html`<p class="lead">${lead}${part}</p>
      <p class="note">${window ? `Values are of ${fromTo(window, window + WINDOW, range.utc)}${Date.now() / 1000 < window + WINDOW ? ", so far" : ""}.${few} ${aboutRanks()}` : nothing}
        ${wholly ? nothing : html`<a href=${this.host.address("vms", { ...own, all: true }, range)}>Show all VMs of all tenants</a>`}</p>
      <div class="loading" role="status">${wholly && tenants > 1
        ? html`${loading ? html`<progress max=${tenants} value=${loaded + failed.length} aria-label="Loading VMs"></progress>` : nothing}
          ${loading ? "Loading: " : ""}${loaded.toLocaleString(LOCALES)} of ${tenants.toLocaleString(LOCALES)} tenants, ${data.vms.length.toLocaleString(LOCALES)} VMs.
          ${failed.length ? `Not loaded: ${failed.join(", ")}. Reload the page to try again.` : ""}`
        : nothing}</div>`;
  }

  /** @param {About} about */
  none({ chosen, counter, data }) {
    if (isLoading(data)) return html`<p class="empty">No VM that matches has come yet.</p>`;
    const { search, pool, region, size } = chosen.own;
    const wanted = [search && `“${search}”`, pool, region, size].filter(Boolean).join(", ");
    return html`<p class="empty">${wanted ? `No VM matches ${wanted}. Search for a part of a real or masked name, or choose fewer filters.` : `No VM has ${counter.title.toLowerCase()} in the newest quarter hour. Choose another counter.`}</p>`;
  }

  /** @param {About} about @param {number} first @param {number} last */
  table(about, first, last) {
    const { counter, chosen } = about;
    const { tenant } = chosen.own;
    const rows = this.rows.slice(first, last);
    const values = alike(rows.map((row) => row.PerfValue), counter.unit);
    if (this.most.rows !== this.rows) this.most = { rows: this.rows, largest: this.rows.reduce((most, row) => Math.max(most, Math.abs(row.PerfValue)), 0) || 1 };
    const trends = rows.map((row) => this.trends.get(this.id(row)) ?? []);
    const scale = scaleOf(trends.flat().sort((one, other) => one.at - other.at));
    const [low, high] = scale ? alike([scale.low, scale.high], counter.unit) : [];
    const tab = this.active >= first && this.active < last ? this.active : first;
    const plain = isPaper() && trends.some((each) => !each.length); // small charts are there of rows that were in view
    return html`<div class=${classes({ table: true, panel: true, rows: true, plain })} @scroll=${() => this.scrolled()} @keydown=${(/** @type {KeyboardEvent} */ event) => this.keyed(event)}>
      <table aria-rowcount=${this.rows.length + 1} aria-label="VMs by ${counter.title}">
        <thead><tr aria-rowindex="1">
          ${this.head("name", "VM", "name")}
          ${this.head(chosen.own.sort === "best" ? "best" : "", counter.title, "value")}
          <th scope="col" class="trend">Last 2 hours${scale ? html`<small>${low === high ? high : `${low} to ${high}`}</small>` : html`<small>&nbsp;</small>`}</th>
          <th scope="col" class="rank">Rank in the fleet</th>
          <th scope="col" class="rank">${tenant ? "Rank in its tenant" : "Rank in its size"}</th>
          ${tenant ? nothing : this.head("tenant", "Tenant", "")}
          ${this.head("pool", "Pool", "")}${this.head("region", "Region", "")}${this.head("size", "Size", "")}
        </tr></thead>
        <tbody>
          <tr class="room" aria-hidden="true"><td colspan="9"></td></tr>
          ${repeat(rows, (row) => `${row.tenant} ${row.vm}`, (row, at) => html`<tr aria-rowindex=${first + at + 2}>
            <th scope="row"><a href=${this.address(row)} data-row=${first + at} tabindex=${first + at === tab ? 0 : -1} title=${row.vm}>${row.name}</a></th>
            <td class="value"><span>${values[at]}</span>${bar(Math.abs(row.PerfValue) / this.most.largest)}</td>
            <td class="trend">${trends[at]?.length ? sparkLine(trends[at] ?? [], { title: counter.title, unit: counter.unit, utc: chosen.range.utc, step: WINDOW, ...(scale ? { scale } : {}) }) : nothing}</td>
            <td class="rank">${ranked(row.rank)}</td>
            <td class="rank">${ranked(tenant ? row.tenantRank : row.peerRank)}</td>
            ${tenant ? nothing : html`<td title=${row.tenant}>${row.owner}</td>`}
            <td>${row.ResourcePoolName ?? "–"}</td><td>${row.Region ?? "–"}</td><td>${row.MachineSize ?? "–"}</td>
          </tr>`)}
          <tr class="room" aria-hidden="true"><td colspan="9"></td></tr>
        </tbody>
      </table>
    </div>`;
  }

  /** A column by which rows can be ordered. @param {string} sort @param {string} title @param {string} kind */
  head(sort, title, kind) {
    const { own, range } = /** @type {About} */ (this.about).chosen;
    const value = kind === "value";
    const on = value ? !own.sort || own.sort === "best" : own.sort === sort;
    const next = value ? (own.sort || !on ? "" : "best") : sort;
    const up = value ? (/** @type {About} */ (this.about).counter.worse === "low") !== (own.sort === "best") : true;
    return html`<th scope="col" class=${kind || "text"} aria-sort=${on ? (up ? "ascending" : "descending") : nothing}><a href=${this.once(title, () => this.host.address("vms", { ...own, sort: next }, range))}>${title}</a></th>`;
  }

  /** @param {Vm} row */
  address(row) {
    const { chosen } = /** @type {About} */ (this.about);
    return this.once(row, () => this.host.address("vm", [["key", chosen.own.key], ["tenant", row.tenant], ["vm", row.vm]], chosen.range));
  }

  /** An address, written once: scrolling draws often. @param {unknown} to @param {() => string} write */
  once(to, write) {
    const address = this.addresses.get(to) ?? write();
    this.addresses.set(to, address);
    return address;
  }

  /** Move among rows. @param {KeyboardEvent} event */
  keyed(event) {
    const link = /** @type {HTMLElement} */ (event.target).closest("[data-row]");
    const { place } = this;
    if (!link || !place || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const at = Number(/** @type {HTMLElement} */ (link).dataset.row);
    this.measure();
    const to = rowAfterKey(at, event.key, Math.max(1, Math.floor(this.seen / ROW) - 1), this.rows.length);
    if (to === null) return;
    event.preventDefault();
    this.active = to;
    this.draw(scrolledTo(to, place.scrollTop, this.seen, ROW));
    /** @type {HTMLElement | null} */ (place.querySelector(`[data-row="${to}"]`))?.focus({ preventScroll: true });
    this.asks();
  }

  /** @param {Vm} row */
  id(row) {
    return `${this.about?.chosen.own.key} ${row.window} ${row.tenant} ${row.vm}`;
  }

  /** Ask for the small charts of the rows in view, a few at a time. */
  async askTrends() {
    if (!this.about || !this.body.offsetParent) return;
    const mine = ++this.asking;
    const { first, last } = this.inView();
    const left = this.rows.slice(first, last).filter((row) => !this.trends.has(this.id(row)));
    const { key } = this.about.chosen.own;
    const work = async () => {
      for (let row = left.shift(); row && mine === this.asking; row = left.shift()) {
        const id = this.id(row);
        try {
          /** @type {{data: {window: number, PerfValue: number}[]}} */
          const { data } = await ask("v1/get-ranking", [["key", key], ["tenant", row.tenant], ["vm", row.vm], ["windows", String(WINDOWS)]]);
          this.trends.set(id, data.map(({ window, PerfValue }) => ({ at: window, value: PerfValue })).reverse());
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          return; // the charts are missing; the page says so as soon as it can't load the rest
        }
        if (mine === this.asking) this.soon();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
}

/** What a rank says. A tenant's people get what is disclosed of the fleet. */
const aboutRanks = () =>
  `A rank says of how many VMs in a hundred the value is below this one.${ownTenant() ? " In the fleet it is to 5: 10 stands for 10 or less, 90 for 90 or more, and – for not known." : ""}`;

/** Whether VMs of further tenants are still to come. @param {About["data"]} data */
const isLoading = ({ wholly, tenants, loaded, failed }) => wholly && loaded + failed.length < tenants;

/** A bar for a share. @param {number} share 0 to 1 */
const bar = (share) => html`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">${svg`<rect class="all" width="100" height="4"></rect><rect width=${Math.round(100 * share)} height="4"></rect>`}</svg>`;

/** @param {number | null} rank 0 to 100 */
const ranked = (rank) => (rank === null ? "–" : html`<span>${Math.floor(rank)}</span>${bar(rank / 100)}`);
