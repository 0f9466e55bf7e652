// The fleet at a glance: a card a counter, with its newest value, its change and its last hours. Only cards in view ask
// for their points, so a page of any number of counters opens as fast.

import { askCharts } from "./ask.js";
import { Chart } from "./chart.js";
import { made, settled } from "./elements.js";
import { change, written } from "./numbers.js";
import { columns, inWords, newestOf } from "./series.js";
import { write } from "./state.js";
import { intervalOf, minutesOf, rangeOf } from "./time.js";

const HEIGHT = 72;
const CARD_REM = 16; // as in page.css
const HOUR = 60;

/**
 * @typedef {import("./ask.js").Counter} Counter
 * @typedef {import("./ask.js").Item} Item
 * @typedef {import("./state.js").State} State
 * @typedef {{counter: Counter, link: HTMLAnchorElement, value: HTMLElement, change: HTMLElement, vms: HTMLElement,
 *   chart: Chart, drawing: HTMLElement, inView: boolean, asked: boolean}} Card
 */

/** The newest value against the mean of the hour before it. @param {Item[]} items of an hour and a minute */
function againstTheHourBefore(items) {
  const newest = newestOf(items);
  const before = items.filter((item) => newest && item.timestamp < newest.timestamp && item.average !== null);
  if (!newest || !before.length) return { newest, by: null, size: 0 };
  const values = before.map((item) => /** @type {number} */ (item.average));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const by = /** @type {number} */ (newest.average) - mean;
  return { newest, by, size: Math.abs(by) / (Math.abs(mean) || Math.abs(by) || 1) };
}

export class Fleet {
  /** @param {HTMLElement} holder @param {() => void} wanted called when cards come into view that have no points yet */
  constructor(holder, wanted) {
    this.holder = holder;
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.laidOut = "";
    this.looked = false; // whether it is known which cards are in view
    const later = settled(wanted, 50);
    /** Told when it is known which cards are in view. */
    this.known = () => {};
    this.watch = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          const card = [...this.cards.values()].find((each) => each.link === entry.target);
          if (!card) continue;
          card.inView = entry.isIntersecting;
          if (card.inView && !card.asked && this.looked) later();
        }
        this.looked = true;
        this.known();
      },
      { rootMargin: "100px" },
    );
  }

  /** Lay the cards out, where that is to change. @param {Counter[]} counters @param {State} state */
  layOut(counters, state) {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = counters.filter((counter) => words.every((word) => `${counter.group} ${counter.title} ${counter.key}`.toLowerCase().includes(word)));
    if (state.sort === "change") found.sort((one, other) => this.changeOf(other.key) - this.changeOf(one.key));
    const key = JSON.stringify([found.map((counter) => counter.key), state.sort]);
    if (key !== this.laidOut) this.build(found, state);
    this.laidOut = key;
    for (const card of this.cards.values()) card.link.href = write({ ...state, view: "compare", keys: [card.counter.key] });
    return found;
  }

  /** @param {string} key */
  changeOf(key) {
    return Number(this.cards.get(key)?.link.dataset.change ?? 0);
  }

  /** @param {Counter[]} counters @param {State} state */
  build(counters, state) {
    const old = this.cards;
    this.cards = new Map(counters.map((counter) => [counter.key, old.get(counter.key) ?? this.card(counter)]));
    for (const [key, card] of old) {
      if (this.cards.has(key)) continue;
      this.watch.unobserve(card.link);
      card.chart.close();
    }
    const groups = state.sort === "change" ? ["Biggest change first"] : [...new Set(counters.map((counter) => counter.group))];
    this.holder.replaceChildren(
      ...groups.map((group) => {
        const grid = made("div", { class: "grid" });
        for (const { counter, link } of this.cards.values()) {
          if (state.sort === "change" || counter.group === group) grid.append(link);
        }
        const section = made("section", { "aria-label": group }, made("h2", {}, group), grid);
        // Small groups share a row: each takes room by how many cards it has.
        section.style.flex = `${grid.children.length} 1 ${grid.children.length * CARD_REM}rem`;
        return section;
      }),
    );
  }

  /** @param {Counter} counter @returns {Card} */
  card(counter) {
    const [value, by, vms] = [made("strong", {}, "…"), made("span", { class: "change" }), made("span", { class: "vms" })];
    const holder = made("div", { class: "small-chart" });
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", "loading");
    const link = made(
      "a",
      { class: "card", "data-key": counter.key },
      made("span", { class: "title" }, counter.title),
      made("span", { class: "figures" }, value, by),
      holder,
      vms,
    );
    this.watch.observe(link);
    return { counter, link, value, change: by, vms, chart: new Chart(holder), drawing: holder, inView: false, asked: false };
  }

  /** Ask for what is in view and show it. @param {State} state @param {() => boolean} current whether that is still wanted */
  async refresh(state, current) {
    if (!this.cards.size) return null;
    // A hidden tab is never told what is in view, and need not be.
    if (!this.looked && !document.hidden) await new Promise((done) => (this.known = () => done(undefined)));
    const inView = [...this.cards.values()].filter((card) => card.inView);
    const cards = inView.length ? inView : [...this.cards.values()].slice(0, 1);
    for (const card of cards) card.asked = true;
    const width = Math.max(60, Math.min(...cards.map((card) => card.chart.holder.clientWidth)));
    const interval = intervalOf(state, width);
    const keys = cards.map((card) => card.counter.key);
    const headed = state.sort === "change" ? [...this.cards.keys()] : keys;
    const hour = state.start ? [["start", String(state.end - HOUR * 60)], ["end", String(state.end)]] : [["minutes", String(HOUR + 1)]];
    const shape = [...rangeOf(state), ["aggregationInterval", String(interval)], ["aggregationBy", state.by]];
    const [heads, lines] = await Promise.all([
      askCharts("v1/get-data", headed, HOUR + 1, /** @type {import("./ask.js").Parameters} */ (hour)),
      askCharts("v1/get-data", keys, minutesOf(state), /** @type {import("./ask.js").Parameters} */ (shape)),
    ]);
    if (!current()) return null;
    for (const key of headed) this.head(key, heads.items.get(key) ?? []);
    for (const card of cards) {
      const { counter, chart, link } = card;
      const items = lines.items.get(counter.key) ?? [];
      const look = { unit: counter.unit, beside: false, small: true, utc: state.utc, interval, height: HEIGHT };
      chart.show(columns(items, interval, false), look, lines.start, lines.end);
      card.drawing.setAttribute("aria-label", inWords("Chart", counter.unit, items, state.utc, false));
      link.title = counter.key;
    }
    return { newest: Math.max(0, ...[...heads.items.values()].map((items) => items.at(-1)?.timestamp ?? 0)), suppressed: lines.suppressed, keys };
  }

  /** The figures of a card. @param {string} key @param {Item[]} items of the last hour */
  head(key, items) {
    const card = this.cards.get(key);
    if (!card) return;
    const { newest, by, size } = againstTheHourBefore(items);
    const { unit } = card.counter;
    card.value.textContent = newest ? written(newest.average, unit) : "–";
    card.change.textContent = by === null ? "" : change(by, unit);
    card.change.title = "against the mean of the hour before";
    card.vms.textContent = newest?.count ? `${newest.count.toLocaleString()} ${newest.count === 1 ? "VM" : "VMs"}` : items.length ? "suppressed" : "no data";
    if (newest && newest.count === null) card.vms.textContent = "";
    card.link.dataset.change = String(size);
  }

  fit() {
    for (const card of this.cards.values()) card.chart.fit();
  }

  /** @returns {[string, HTMLCanvasElement][]} titles and drawings of what is in view */
  drawings() {
    return [...this.cards.values()].flatMap(({ counter, chart, value, inView }) =>
      inView && chart.canvas ? [/** @type {[string, HTMLCanvasElement]} */ ([`${counter.title}: ${value.textContent}`, chart.canvas])] : [],
    );
  }
}
