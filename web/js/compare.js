// Counters under one another with one cursor: the fleet, and where a VM is chosen its line over its tenant's and the fleet's.

import { askCharts } from "./ask.js";
import { Chart } from "./chart.js";
import { made } from "./elements.js";
import { written } from "./numbers.js";
import { caveats, columns, inWords, newestOf } from "./series.js";
import { clock, intervalOf, minutesOf, rangeOf } from "./time.js";

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./ask.js").Item} Item
 * @typedef {import("./state.js").State} State
 * @typedef {{counter: Counter, figure: HTMLElement, latest: HTMLElement, remove: HTMLElement, chart: Chart, note: HTMLElement,
 *   table: HTMLDetailsElement, items: Item[], drawing: HTMLElement}} Panel
 */

export class Compare {
  /**
   * @param {HTMLElement} holder @param {(key: string) => void} onRemove
   * @param {(start: number, end: number) => void} onRange called when a range is dragged
   */
  constructor(holder, onRemove, onRange) {
    this.holder = holder;
    this.onRemove = onRemove;
    this.onRange = onRange;
    /** @type {Map<string, Panel>} */
    this.panels = new Map();
    this.utc = false;
    this.beside = false;
  }

  /** Lay the panels out, where that is to change. @param {Counter[]} counters what is known @param {State} state */
  layOut(counters, state) {
    const known = new Map(counters.map((counter) => [counter.key, counter]));
    const wanted = state.keys.map((key) => known.get(key) ?? { key, title: key, unit: "", group: "", newest: 0 });
    const old = this.panels;
    this.panels = new Map(wanted.map((counter) => [counter.key, old.get(counter.key) ?? this.panel(counter)]));
    for (const [key, panel] of old) if (!this.panels.has(key)) panel.chart.close();
    for (const panel of this.panels.values()) panel.remove.hidden = this.panels.size === 1; // one is always shown
    const figures = [...this.panels.values()].map((panel) => panel.figure);
    if (figures.some((figure, at) => this.holder.children[at] !== figure) || this.holder.children.length !== figures.length) {
      this.holder.replaceChildren(...figures);
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
    remove.addEventListener("click", () => this.onRemove(counter.key));
    table.addEventListener("toggle", () => this.tabulate(panel));
    drawing.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -15, PageDown: 15 }[event.key];
      if (!by) return;
      event.preventDefault();
      panel.chart.step(by);
    });
    return panel;
  }

  /** Ask and show. @param {State} state @param {() => boolean} current whether that is still wanted */
  async refresh(state, current) {
    const panels = [...this.panels.values()];
    if (!panels.length) return null;
    const width = Math.max(60, panels[0]?.drawing.clientWidth ?? 0);
    const interval = intervalOf(state, width);
    const beside = Boolean(state.tenant && state.vm);
    const answer = await askCharts(beside ? "v1/get-tenant-data" : "v1/get-data", state.keys, minutesOf(state), this.question(state, interval));
    if (!current()) return null;
    this.utc = state.utc;
    this.beside = beside;
    const height = panels.length > 2 ? 190 : panels.length > 1 ? 240 : 320;
    for (const panel of panels) {
      const { counter } = panel;
      panel.items = answer.items.get(counter.key) ?? [];
      const look = { unit: counter.unit, beside, small: false, utc: state.utc, interval, height, onRange: this.onRange };
      panel.chart.show(columns(panel.items, interval, beside), look, answer.start, answer.end);
      panel.drawing.setAttribute("aria-label", inWords(counter.title, counter.unit, panel.items, state.utc, beside));
      panel.note.textContent = panel.items.length ? caveats(panel.items, interval) : "No data in this range.";
      this.headline(panel, beside);
      this.tabulate(panel);
    }
    return { newest: Math.max(0, ...panels.map((panel) => panel.items.at(-1)?.timestamp ?? 0)), suppressed: answer.suppressed, keys: state.keys };
  }

  /** What is asked, besides the counters. @param {State} state @param {number} interval @returns {import("./ask.js").Parameters} */
  question(state, interval) {
    /** @type {import("./ask.js").Parameters} */
    const whose = state.tenant && state.vm ? [["tenant", state.tenant], ["vm", state.vm]] : [];
    return [...rangeOf(state), ["aggregationInterval", String(interval)], ["aggregationBy", state.by], ...whose];
  }

  /** The newest values. @param {Panel} panel @param {boolean} beside */
  headline({ latest, items, counter: { unit } }, beside) {
    const own = beside ? items.findLast((item) => item.PerfValue !== null) : undefined;
    const newest = own ?? newestOf(items);
    const parts = newest
      ? [
          ...(own ? [["vm", "this VM", own.PerfValue], ["tenant", "its tenant", own.tenantAverage]] : []),
          ["fleet", "the fleet", newest.average],
        ]
      : [];
    latest.replaceChildren(
      ...parts.map(([name, text, value]) => made("span", { class: String(name) }, `${text} `, made("strong", {}, written(/** @type {number} */ (value), unit)))),
    );
  }

  /** The points as a table, for who does not see the chart; made when it is opened. @param {Panel} panel */
  tabulate({ table, items, counter }) {
    table.querySelector("div")?.remove();
    if (!table.open) return;
    const figure = (/** @type {number | null | undefined} */ value) => made("td", {}, written(value, counter.unit));
    const heads = ["Time", "Fleet's average", "least", "greatest", ...(this.beside ? ["Tenant's average", "This VM"] : []), "Final"];
    const rows = items.map((item) =>
      made("tr", {},
        made("th", { scope: "row" }, clock(item.timestamp, this.utc, true)),
        figure(item.average), figure(item.min), figure(item.max),
        ...(this.beside ? [figure(item.tenantAverage), figure(item.PerfValue)] : []),
        made("td", {}, item.suppressed ?? (item.final ? "yes" : item.coverage === null ? "no" : `no, covers ${Math.round(item.coverage * 100)} %`)),
      ),
    );
    const head = made("thead", {}, made("tr", {}, ...heads.map((text) => made("th", { scope: "col" }, text))));
    table.append(made("div", { class: "rows", tabindex: "0", role: "region", "aria-label": `Data of ${counter.title}` }, made("table", {}, head, made("tbody", {}, ...rows.reverse()))));
  }

  fit() {
    for (const panel of this.panels.values()) panel.chart.fit();
  }

  /** @returns {[string, HTMLCanvasElement][]} titles and drawings */
  drawings() {
    return [...this.panels.values()].flatMap(({ counter, chart, latest }) =>
      chart.canvas ? [/** @type {[string, HTMLCanvasElement]} */ ([`${counter.title}: ${latest.textContent}`, chart.canvas])] : [],
    );
  }
}
