// An open card of the fleet: a counter's chart with what is usual, how its values are spread over time, and its regions,
// sizes and tenants. Knows which questions that takes; each part that can't be loaded says so in its place.

import { ask, askCharts } from "./ask.js";
import { fromTo } from "./clock.js";
import { figures, MINUTES } from "./figures.js";
import { heatmap } from "./heatmap.js";
import { html, nothing, repeat } from "./html.js";
import { tenantText } from "./names.js";
import { alike } from "./numbers.js";
import { Panel } from "./panel.js";
import { intervalOf, minutesOf, shape } from "./range.js";
import { columns } from "./series.js";
import { WINDOW } from "./windows.js";
import { isOperator, ownTenant } from "./who.js";

const HEIGHT = 240; // of the chart, in pixels
const COLUMNS = 48; // of the heatmap
const MOST_SPREAD = 2_880; // minutes of histograms: the API's limit
const ROWS = 10; // of each table
const BY = /** @type {[string, string][]} */ ([["Region", "Regions"], ["MachineSize", "VM sizes"], ["tenant", "Tenants"]]);
const OF_OWN = /** @type {[string, string][]} */ ([["ResourcePoolName", "Pools"], ["Region", "Regions"], ["MachineSize", "VM sizes"]]);

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./lists.js").Lists} Lists
 * @typedef {import("./views/fleet.js").Chosen} Chosen
 * @typedef {{window: number, group: string | null, average: number | null, sum: number | null, count: number | null, p50: number | null, p95: number | null}} Group
 * @typedef {{by: string, title: string, rows: Group[] | string}} Breakdown `rows`: or why they can't be loaded
 * @typedef {{key: string, head: import("./figures.js").Point | undefined, spread: {data: import("./heat.js").Column[], interval: number} | string,
 *   breakdowns: Breakdown[]}} Data `spread`: or why it is not there
 */

export class Opened {
  /** @param {import("./view.js").Host} host @param {() => void} draw called when there is something new to draw */
  constructor(host, draw) {
    this.host = host;
    this.draw = draw;
    /** @type {Panel | null} */
    this.panel = null;
    /** @type {Data | null} */
    this.data = null;
    /** @type {{chosen: Chosen, lists: Lists} | null} */
    this.shown = null;
  }

  /**
   * @param {Counter} counter @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current
   * @returns {Promise<import("./view.js").Shown<import("./views/fleet.js").Own> | null>}
   */
  async refresh(counter, chosen, lists, current) {
    const { own, range } = chosen;
    const interval = intervalOf(range, this.width());
    /** @type {import("./ask.js").Parameters} */
    const usual = isOperator() ? [["baseline", "true"]] : [];
    /** @type {import("./ask.js").Parameters} */
    const newest = range.start ? [["start", String(Math.max(range.start, range.end - MINUTES * 60))], ["end", String(range.end)]] : [["minutes", String(MINUTES)]];
    const [lines, heads, spread, breakdowns] = await Promise.all([
      askCharts("v1/get-data", [counter.key], minutesOf(range), [...shape(range, this.width()), ...usual]),
      askCharts("v1/get-data", [counter.key], MINUTES, [...newest, ["aggregationInterval", String(MINUTES)], ["percentiles", "10,50,90"], ...usual]),
      askSpread(counter, range),
      Promise.all((ownTenant() ? OF_OWN : BY).map(([by, title]) => askGroups(counter, by, title))),
    ]);
    if (!current()) return null;
    this.data = { key: counter.key, head: heads.items.get(counter.key)?.at(-1), spread, breakdowns };
    this.shown = { chosen, lists };
    const items = lines.items.get(counter.key) ?? [];
    const band = items.some(({ low }) => typeof low === "number");
    this.draw();
    this.ofCounter(counter).show(items, columns(items, interval, "", band), {
      unit: counter.unit, beside: "", small: false, utc: range.utc, interval, height: HEIGHT, usual: band, onRange: (start, end) => this.host.zoom(start, end),
    }, [lines.start, lines.end], band ? ["Grey: what is usual on average at each hour."] : []);
    return { own, newest: Math.max(0, items.at(-1)?.timestamp ?? 0), end: lines.end, suppressed: lines.suppressed ?? "", notice: "", empty: "" };
  }

  /** The panel with the chart. @param {Counter} counter */
  ofCounter(counter) {
    if (this.panel?.counter.key !== counter.key) {
      this.panel?.chart.close();
      this.panel = new Panel(counter, () => {});
      this.panel.remove.hidden = true;
    }
    return /** @type {Panel} */ (this.panel);
  }

  /** @param {Counter} counter @param {Chosen} chosen */
  template(counter, chosen) {
    const data = this.data?.key === counter.key ? this.data : null;
    const { main, what, middle, spread, usual } = figures(counter, data?.head);
    const { own, range } = chosen;
    const { key } = counter;
    const title = `How the values of ${ownTenant() ? "your" : "all"} VMs are spread`;
    return html`<p><a href=${this.host.address("fleet", { ...own, open: "" }, range)}>← All counters</a></p>
      <div class="opened-head">
        <h2>${counter.title}</h2>
        <span class="figures"><strong>${data ? main : "…"}</strong> <span class="what">${data ? what : nothing}</span></span>
        <span class="opened-links">
          <a class="button" href=${this.host.address("vms", [["key", key]], range)}>VMs by this counter</a>
          <a class="button" href=${this.host.address("vm", [["key", key]], range)}>Beside a tenant or VM</a>
        </span>
        <p class="note">${data ? [middle, spread, usual].filter(Boolean).join(". ") : nothing}</p>
      </div>
      ${this.ofCounter(counter).figure}
      <section class="panel" aria-label=${title}><h3>${title}</h3>
        ${!data ? html`<div class="heatmap"></div>` : typeof data.spread === "string" ? html`<p class="note">${data.spread}</p>`
          : heatmap(data.spread.data, { title: ownTenant() ? `${counter.title} of your VMs` : counter.title, unit: counter.unit, utc: range.utc, step: data.spread.interval * 60 })}
      </section>
      <div class="breakdowns">${repeat(data?.breakdowns ?? [], ({ by }) => by, (each) => this.breakdown(each, counter, chosen))}</div>`;
  }

  /** @param {Breakdown} breakdown @param {Counter} counter @param {Chosen} chosen */
  breakdown({ by, title, rows }, { key, unit, worse }, { range }) {
    const titled = (/** @type {import("./html.js").Template} */ content) => html`<section class="panel" aria-label=${title}><h3>${title}</h3>${content}</section>`;
    if (typeof rows === "string") return titled(html`<p class="note">${rows}</p>`);
    const [newest] = rows;
    if (!newest) return titled(html`<p class="note">No values in the newest quarter hour.</p>`);
    const value = (/** @type {Group} */ { average }) => Number(average);
    const known = rows.filter(({ average }) => average !== null).sort((one, other) => (worse === "low" ? value(one) - value(other) : value(other) - value(one)));
    const some = known.slice(0, ROWS);
    const [averages, middles, highs] = [some.map(value), some.map(({ p50 }) => p50), some.map(({ p95 }) => p95)].map((each) => alike(each, unit));
    const most = Math.max(...known.map(value));
    const end = newest.window + WINDOW;
    return titled(html`<p class="note">${known.length > some.length ? `The ${some.length} of ${known.length} with the ${worse === "low" ? "lowest" : "highest"} average` : `The ${worse === "low" ? "lowest" : "highest"} average first`}, ${fromTo(newest.window, end, range.utc)}.</p>
      <div class="table" tabindex="0" role="region" aria-label=${`${title}: table`}><table>
        <thead><tr><th scope="col">${title}</th><th scope="col" class="figure">Average</th><td></td><th scope="col" class="figure">Median VM</th><th scope="col" class="figure">95 % of VMs below</th><th scope="col" class="figure">VMs</th></tr></thead>
        <tbody>${some.map((row, at) => html`<tr>
          <th scope="row">${this.linked(by, row.group, key, range)}</th><td class="figure">${averages?.[at]}</td>
          <td><svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width=${most > 0 ? Math.max(0, (100 * value(row)) / most) : 0} height="1"></rect></svg></td>
          <td class="figure">${middles?.[at]}</td><td class="figure">${highs?.[at]}</td><td class="figure">${alike([row.count], "")}</td>
        </tr>`)}</tbody>
      </table></div>`);
  }

  /** A group's name, which leads to its VMs or its parts. @param {string} by @param {string | null} group @param {string} key @param {import("./range.js").Range} range */
  linked(by, group, key, range) {
    const text = group === null ? "unknown" : by === "tenant" ? tenantText(group, this.shown?.lists.labels ?? new Map()) : group;
    if (group === null || group === "other") return text;
    /** @type {import("./ask.js").Parameters} */
    const whose = by === "ResourcePoolName" ? [["tenant", ownTenant()], ["pool", group]] : [[by === "tenant" ? "tenant" : by === "Region" ? "region" : "size", group]];
    return html`<a href=${this.host.address("vms", [["key", key], ...whose], range)}>${text}</a>`;
  }

  width() {
    return Math.max(240, this.panel?.drawing.clientWidth ?? 0);
  }

  fit() {
    this.panel?.chart.fit();
  }

  /** @returns {import("./files.js").Drawing[]} */
  drawings() {
    const { panel } = this;
    return panel?.chart.canvas ? [{ title: panel.counter.title, legend: panel.chart.legend, canvas: panel.chart.canvas }] : [];
  }
}

/** A failure in words, for the place of what failed. @param {unknown} error */
const failed = (error) => `This can't be shown. ${error instanceof Error ? error.message : ""}`;

/** @param {Counter} counter @param {import("./range.js").Range} range @returns {Promise<Data["spread"]>} */
async function askSpread({ key }, range) {
  if (range.start) return "How values were spread is known of the latest two days only. Choose one of the latest time ranges.";
  const minutes = Math.min(MOST_SPREAD, minutesOf(range));
  const interval = [1, 5, 15, 30, 60].find((each) => minutes / each <= COLUMNS) ?? 60;
  const own = ownTenant();
  return ask("v1/get-histogram", [["key", key], ["minutes", String(minutes)], ["aggregationInterval", String(interval)], ...(own ? /** @type {[string, string][]} */ ([["tenant", own]]) : [])])
    .then(({ data }) => ({ data, interval }), failed);
}

/** @param {Counter} counter @param {string} by @param {string} title @returns {Promise<Breakdown>} */
async function askGroups({ key }, by, title) {
  const own = ownTenant();
  const rows = await ask("v1/get-groups", [["key", key], ["groupBy", by], ...(own ? /** @type {[string, string][]} */ ([["tenant", own]]) : [])]).then(({ data }) => data, failed);
  return { by, title, rows };
}
