// The fleet at a glance: one card per counter, with its newest value, its change and its last hours. Only cards in view
// ask for their points, so a page with many counters opens as fast as one with few.

import { askCharts } from "../ask.js";
import { Chart } from "../chart.js";
import { fill, labelled, made, settled } from "../elements.js";
import { change, written } from "../numbers.js";
import { intervalOf, minutesOf, shape } from "../range.js";
import { columns, inWords, newestOf } from "../series.js";

const HEIGHT = 72;
const CARD_REM = 16; // as in page.css
const HOUR = 60;

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../ask.js").Item} Item
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {{search: string, sort: "kind" | "change"}} Own
 * @typedef {import("../page.js").Chosen<Own>} Chosen
 * @typedef {{counter: Counter, link: HTMLAnchorElement, value: HTMLElement, change: HTMLElement, vms: HTMLElement,
 *   chart: Chart, drawing: HTMLElement, inView: boolean, asked: boolean}} Card
 */

/** The newest value against the mean of the hour before it. @param {Item[]} items of an hour and a minute */
function againstTheHourBefore(items) {
  const newest = newestOf(items);
  const before = items.filter((item) => newest && item.timestamp < newest.timestamp && item.average !== null);
  if (!newest || !before.length) return { newest, mean: null, size: 0 };
  const values = before.map((item) => /** @type {number} */ (item.average));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const by = /** @type {number} */ (newest.average) - mean;
  return { newest, mean, size: Math.abs(by) / (Math.abs(mean) || Math.abs(by) || 1) };
}

export class Fleet {
  name = "fleet";
  title = "Fleet";
  parameters = ["search", "sort"];

  /** @param {import("../page.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "fleet" });
    this.search = made("input", { id: "search", type: "search", placeholder: "processor, disk …", autocomplete: "off" });
    this.sort = made("select", { id: "sort" });
    fill(this.sort, [["kind", "by category"], ["change", "largest change first"]], "kind");
    this.fields = [labelled("Search", this.search), labelled("Order", this.sort)];
    // The page finds and sorts cards itself, so this needs no answer from the server.
    const choose = () => host.adjust({ search: this.search.value.trim(), sort: this.sort.value });
    this.search.addEventListener("input", settled(choose, 150));
    this.sort.addEventListener("change", choose);
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.laidOut = "";
    this.looked = false; // whether the page knows which cards are in view
    const later = settled(() => host.refresh(), 50);
    /** Called when the page knows which cards are in view. */
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

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    return { search: given.get("search") ?? "", sort: given.get("sort") === "change" ? "change" : "kind" };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ search, sort }) {
    return [["search", search], ["sort", sort === "change" ? sort : ""]];
  }

  /** Set controls and cards to the choice. @param {Chosen} chosen @param {Lists} lists */
  show(chosen, lists) {
    const { search, sort } = chosen.own;
    if (this.search !== document.activeElement) this.search.value = search;
    this.sort.value = sort;
    const found = this.found(chosen, lists);
    if (sort === "change") found.sort((one, other) => this.changeOf(other.key) - this.changeOf(one.key));
    const key = JSON.stringify([found.map((counter) => counter.key), sort]);
    if (key !== this.laidOut) this.build(found, sort);
    this.laidOut = key;
    for (const card of this.cards.values()) card.link.href = this.host.address("compare", { keys: [card.counter.key], tenant: "", vm: "" }, chosen.range);
  }

  /** The counters that match the search. @param {Chosen} chosen @param {Lists} lists */
  found({ own }, lists) {
    const words = own.search.toLowerCase().split(/\s+/).filter(Boolean);
    return lists.counters.filter(({ group, title, key }) => words.every((word) => `${group} ${title} ${key}`.toLowerCase().includes(word)));
  }

  /** @param {string} key */
  changeOf(key) {
    return Number(this.cards.get(key)?.link.dataset.change ?? 0);
  }

  /** @param {Counter[]} counters @param {Own["sort"]} sort */
  build(counters, sort) {
    const old = this.cards;
    this.cards = new Map(counters.map((counter) => [counter.key, old.get(counter.key) ?? this.card(counter)]));
    for (const [key, card] of old) {
      if (this.cards.has(key)) continue;
      this.watch.unobserve(card.link);
      card.chart.close();
    }
    const groups = sort === "change" ? ["Largest change first"] : [...new Set(counters.map((counter) => counter.group))];
    this.body.replaceChildren(
      ...groups.map((group) => {
        const grid = made("div", { class: "grid" });
        for (const { counter, link } of this.cards.values()) {
          if (sort === "change" || counter.group === group) grid.append(link);
        }
        const section = made("section", { "aria-label": group }, made("h2", {}, group), grid);
        // Small groups share a row. Each takes room by its number of cards.
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

  /** How wide a chart is. */
  width() {
    return Math.max(60, this.body.querySelector(".small-chart")?.clientWidth || 240);
  }

  /**
   * Ask for the data of the cards in view and show it.
   * @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current
   */
  async refresh(chosen, lists, current) {
    const { own, range } = chosen;
    if (!this.cards.size) return { own, newest: 0, end: 0, suppressed: "", notice: "", empty: `No counter matches “${own.search}”.` };
    // A hidden tab never learns which cards are in view, and need not.
    if (!this.looked && !document.hidden) await new Promise((done) => (this.known = () => done(undefined)));
    const inView = [...this.cards.values()].filter((card) => card.inView);
    const cards = inView.length ? inView : [...this.cards.values()].slice(0, 1);
    for (const card of cards) card.asked = true;
    const width = this.width();
    const interval = intervalOf(range, width);
    const keys = cards.map((card) => card.counter.key);
    const headed = own.sort === "change" ? [...this.cards.keys()] : keys;
    /** @type {[string, string][]} */
    const hour = range.start ? [["start", String(range.end - HOUR * 60)], ["end", String(range.end)]] : [["minutes", String(HOUR + 1)]];
    const [heads, lines] = await Promise.all([
      askCharts("v1/get-data", headed, HOUR + 1, hour),
      askCharts("v1/get-data", keys, minutesOf(range), shape(range, width)),
    ]);
    if (!current()) return null;
    for (const key of headed) this.head(key, heads.items.get(key) ?? []);
    for (const card of cards) {
      const { counter, chart, link } = card;
      const items = lines.items.get(counter.key) ?? [];
      const look = { unit: counter.unit, beside: /** @type {""} */ (""), small: true, utc: range.utc, interval, height: HEIGHT };
      chart.show(columns(items, interval, ""), look, lines.start, lines.end);
      card.drawing.setAttribute("aria-label", inWords("Chart", counter.unit, items, range.utc, ""));
      link.title = counter.key;
    }
    if (own.sort === "change") this.show(chosen, lists);
    const newest = Math.max(0, ...[...heads.items.values()].map((items) => items.at(-1)?.timestamp ?? 0));
    return { own, newest, end: lines.end, suppressed: lines.suppressed ?? "", notice: "", empty: "" };
  }

  /** The data of its table: all matching counters, in view or not. @param {Chosen} chosen @param {Lists} lists */
  table(chosen, lists) {
    return { path: "v1/get-data", keys: this.found(chosen, lists).map(({ key }) => key), parameters: shape(chosen.range, this.width()) };
  }

  /** The figures of a card. @param {string} key @param {Item[]} items of the last hour */
  head(key, items) {
    const card = this.cards.get(key);
    if (!card) return;
    const { newest, mean, size } = againstTheHourBefore(items);
    const { unit } = card.counter;
    card.value.textContent = newest ? written(newest.average, unit) : "–";
    card.change.textContent = mean === null ? "" : change(mean, /** @type {number} */ (newest?.average), unit);
    card.change.title = `compared with the average of the hour before${unit === "%" ? ", in percentage points" : ""}`;
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
