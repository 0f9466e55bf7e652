// A counter's chart with its title, newest values, notes and data table. Knows what is written around a chart, and how keys
// move its cursor. Does not know where points come from.

import { Chart } from "./chart.js";
import { moment } from "./clock.js";
import { made } from "./elements.js";
import { percent, written } from "./numbers.js";
import { caveats, inWords, newestOf, ownNewest } from "./series.js";

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./ask.js").Item} Item
 * @typedef {import("./chart.js").Look} Look
 */

export class Panel {
  /** @param {Counter} counter @param {() => void} remove */
  constructor(counter, remove) {
    this.counter = counter;
    /** @type {Item[]} */
    this.items = [];
    /** @type {Look} */
    this.look = { unit: counter.unit, beside: "", small: false, utc: false, interval: 1, height: 0 };
    this.latest = made("span", { class: "latest" });
    this.remove = made("button", { type: "button", class: "plain", "aria-label": `Remove ${counter.title}` }, "×");
    this.drawing = made("div", { class: "chart", tabindex: "0", role: "img", id: `chart-${counter.key.replace(/[^\w-]/g, "-")}`, "aria-label": `${counter.title}: loading` });
    this.note = made("p", { class: "note" });
    this.rows = made("div", { class: "rows", tabindex: "0", role: "region", "aria-label": `Data of ${counter.title}` }); // it stays, with its focus and place
    this.table = made("details", {}, made("summary", {}, "Data table"), this.rows);
    this.chart = new Chart(this.drawing);
    const title = made("span", { class: "title" }, counter.title, counter.title === counter.key ? "" : made("code", {}, counter.key));
    this.figure = made("figure", { class: "panel" }, made("figcaption", {}, title, this.latest, this.remove), this.drawing, this.note, this.table);
    this.remove.addEventListener("click", remove);
    this.table.addEventListener("toggle", () => this.tabulate());
    this.drawing.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -15, PageDown: 15 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.chart.step(by);
    });
  }

  /**
   * @param {Item[]} items @param {import("./series.js").Columns} points theirs, with all lines that the look has
   * @param {Look} look @param {[number, number]} range Unix seconds @param {string[]} notes
   */
  show(items, points, look, [start, end], notes) {
    this.items = items;
    this.look = look;
    this.chart.show(points, look, start, end);
    this.drawing.setAttribute("aria-label", inWords(this.counter.title, look.unit, items, look.utc, look.beside));
    this.note.textContent = [items.length ? caveats(items, look.interval) : "No data in this range.", ...notes].filter(Boolean).join(" ");
    this.headline();
    this.tabulate();
  }

  /** The newest values. */
  headline() {
    const { items, look: { beside, unit } } = this;
    const own = ownNewest(items, beside);
    const newest = own ?? newestOf(items);
    const parts = newest
      ? [
          ...(own && beside === "vm" ? [["vm", "this VM", own.PerfValue]] : []),
          ...(own ? [["tenant", beside === "vm" ? "its tenant" : "the tenant", own.tenantAverage]] : []),
          ["fleet", "the fleet", newest.average],
        ]
      : [];
    this.latest.replaceChildren(
      ...parts.map(([name, text, value]) => made("span", { class: String(name) }, `${text} `, made("strong", {}, written(/** @type {number} */ (value), unit)))),
    );
  }

  /** The points as a table, for people who can't see the chart. It is made when opened. */
  tabulate() {
    if (!this.table.open) return this.rows.replaceChildren();
    const { beside, unit, utc, usual } = this.look;
    const figure = (/** @type {number | null | undefined} */ value) => made("td", {}, written(value, unit));
    const heads = [
      "Time", "Fleet average", "Minimum", "Maximum", ...(beside ? ["Tenant average"] : []), ...(beside === "vm" ? ["This VM"] : []),
      ...(usual ? ["Usual from", "Usual to"] : []), "Final",
    ];
    const rows = this.items.map((item) =>
      made("tr", {},
        made("th", { scope: "row" }, moment(item.timestamp, utc)),
        figure(item.average), figure(item.min), figure(item.max),
        ...(beside ? [figure(item.tenantAverage)] : []), ...(beside === "vm" ? [figure(item.PerfValue)] : []),
        ...(usual ? [figure(item.low), figure(item.high)] : []),
        made("td", {}, item.suppressed ?? (item.final ? "yes" : item.coverage === null ? "no" : `no, covers ${percent(item.coverage)}`)),
      ),
    );
    const head = made("thead", {}, made("tr", {}, ...heads.map((text) => made("th", { scope: "col" }, text))));
    const scrolled = this.rows.scrollTop;
    this.rows.replaceChildren(made("table", {}, head, made("tbody", {}, ...rows.reverse())));
    this.rows.scrollTop = scrolled;
  }

  /** For a picture. @returns {import("./files.js").Drawing[]} */
  get saved() {
    const { counter: { title, key }, chart } = this;
    return chart.canvas ? [{ title: title === key ? title : `${title} (${key})`, legend: chart.legend, canvas: chart.canvas }] : [];
  }
}
