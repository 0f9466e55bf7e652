// The fleet at a glance: one card per counter, with its newest value, its change and its last hours; by category, or what
// changed most first. Only cards in view ask for their points, so many counters open as fast as few.

import { askCharts } from "../ask.js";
import { AGAINST, askChanges, compared, notable, said } from "../changes.js";
import { Chart } from "../chart.js";
import { fill, labelled, made, settled } from "../elements.js";
import { onNames } from "../names.js";
import { change, written } from "../numbers.js";
import { intervalOf, minutesOf, shape } from "../range.js";
import { columns, inWords, newestOf } from "../series.js";
import { ownTenant, tellWho } from "../who.js";

const HEIGHT = 72;
const CARD_REM = 16; // as in page.css
const HOUR = 60;
const LINES = 3; // how many changes a card tells

const [CHANGED, USUAL, NOT_COMPARED] = ["Moved more than usual", "Moved as usual", "Not compared"];

/**
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../ask.js").Item} Item
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {import("../changes.js").Against} Against
 * @typedef {import("../changes.js").Changes} Changes
 * @typedef {{search: string, sort: "kind" | "change", against: Against}} Own
 * @typedef {import("../page.js").Chosen<Own>} Chosen
 * @typedef {{counter: Counter, link: HTMLAnchorElement, value: HTMLElement, change: HTMLElement, vms: HTMLElement,
 *   told: HTMLElement, chart: Chart, drawing: HTMLElement, inView: boolean, asked: boolean}} Card
 */

/** The newest value against the mean of the hour before it. @param {Item[]} items of an hour and a minute */
function againstTheHourBefore(items) {
  const newest = newestOf(items);
  const before = items.filter((item) => newest && item.timestamp < newest.timestamp && item.average !== null);
  if (!newest || !before.length) return { newest, mean: null };
  const values = before.map((item) => /** @type {number} */ (item.average));
  return { newest, mean: values.reduce((sum, value) => sum + value, 0) / values.length };
}

export class Fleet {
  name = "fleet";
  title = "Fleet";
  parameters = ["search", "sort", "against"];
  /** @type {import("../page.js").Control[]} */
  controls = ["range", "points", "csv", "png"];

  /** @param {import("../page.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "fleet" });
    this.search = made("input", { id: "search", type: "search", placeholder: "processor, disk …", autocomplete: "off" });
    this.sort = made("select", { id: "sort" });
    fill(this.sort, [["kind", "by category"], ["change", "what changed first"]], "kind");
    this.against = made("select", { id: "against" });
    fill(this.against, AGAINST, "previous");
    this.againstField = labelled("Compared with", this.against);
    // One field for both, since the page hides and shows fields.
    this.fields = [labelled("Search", this.search), made("div", { class: "pair" }, labelled("Order", this.sort), this.againstField)];
    const choose = () => host.adjust({ search: this.search.value.trim(), sort: this.sort.value, against: this.against.value });
    this.search.addEventListener("input", settled(choose, 150));
    for (const select of [this.sort, this.against]) select.addEventListener("change", choose);
    this.lead = made("p", { id: "compared", class: "note", role: "status" });
    /** @type {Changes | null} what changed, if that is the order */
    this.changes = null;
    /** @type {Lists | null} */
    this.lists = null;
    onNames(() => this.tell());
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
    const against = AGAINST.find(([each]) => each === given.get("against"))?.[0] ?? "previous";
    return { search: given.get("search") ?? "", sort: given.get("sort") === "change" ? "change" : "kind", against };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ search, sort, against }) {
    const changed = sort === "change";
    return [["search", search], ["sort", changed ? sort : ""], ["against", changed && against !== "previous" ? against : ""]];
  }

  /** Set controls and cards to the choice. @param {Chosen} chosen @param {Lists} lists */
  show(chosen, lists) {
    const { search, sort, against } = chosen.own;
    this.lists = lists;
    if (this.search !== document.activeElement) this.search.value = search;
    this.sort.value = sort;
    this.against.value = against;
    this.againstField.hidden = sort !== "change";
    if (sort !== "change") this.changes = null; // until they are asked for, cards stay as they are
    this.lead.hidden = !this.changes;
    if (this.changes) this.lead.textContent = compared(this.changes, chosen.range.utc);
    const groups = this.groups(this.found(chosen, lists));
    const key = JSON.stringify([...groups].map(([group, counters]) => [group, ...counters.map((counter) => counter.key)]));
    if (key !== this.laidOut) this.build(groups);
    this.laidOut = key;
    this.tell();
    for (const { counter, link } of this.cards.values()) link.href = this.host.address("vm", this.target(counter.key), chosen.range);
  }

  /** The counters that match the search. @param {Chosen} chosen @param {Lists} lists */
  found({ own }, lists) {
    const words = own.search.toLowerCase().split(/\s+/).filter(Boolean);
    return lists.counters.filter(({ group, title, key }) => words.every((word) => `${group} ${title} ${key}`.toLowerCase().includes(word)));
  }

  /** Counters by the headings under which they stand. @param {Counter[]} counters @returns {Map<string, Counter[]>} */
  groups(counters) {
    const changed = this.changes && notable(this.changes);
    const places = new Map([...(changed ?? new Map()).keys()].map((key, place) => [key, place]));
    const ordered = changed ? counters.toSorted((one, other) => (places.get(one.key) ?? Infinity) - (places.get(other.key) ?? Infinity) || 0) : counters;
    const usual = this.changes?.reason === null ? USUAL : NOT_COMPARED;
    /** @type {Map<string, Counter[]>} */
    const found = new Map();
    for (const counter of ordered) {
      const group = !changed ? counter.group : changed.has(counter.key) ? CHANGED : usual;
      found.set(group, [...(found.get(group) ?? []), counter]);
    }
    return found;
  }

  /** What a card opens: a tenant or VM that changed most, beside the fleet. @param {string} key */
  target(key) {
    const [first] = (this.changes && notable(this.changes).get(key)) ?? [];
    const tenant = (first?.kind === "tenant" ? first.name : first?.kind === "vm" ? this.changes?.tenant : "") ?? "";
    return { keys: [key], tenant, vm: first?.kind === "vm" ? (first.name ?? "") : "" };
  }

  /** Write on each card what has changed. */
  tell() {
    const changed = this.changes && notable(this.changes);
    for (const { counter, told, change: by } of this.cards.values()) {
      const lines = (changed?.get(counter.key) ?? []).slice(0, LINES);
      by.hidden = Boolean(changed); // it compares with something else
      told.hidden = !lines.length;
      told.replaceChildren(
        ...lines.map((each) => made("li", each.worse ? { class: "worse" } : {}, said(each, counter.unit, this.changes?.tenant ?? null, this.lists?.labels ?? new Map()))),
      );
    }
  }

  /** @param {Map<string, Counter[]>} groups by heading */
  build(groups) {
    const old = this.cards;
    this.cards = new Map([...groups.values()].flat().map((counter) => [counter.key, old.get(counter.key) ?? this.card(counter)]));
    for (const [key, card] of old) {
      if (this.cards.has(key)) continue;
      this.watch.unobserve(card.link);
      card.chart.close();
    }
    const sections = [...groups].map(([group, counters]) => {
      const grid = made("div", { class: "grid" }, ...counters.map(({ key }) => /** @type {Card} */ (this.cards.get(key)).link));
      const section = made("section", { "aria-label": group }, made("h2", {}, group), grid);
      // Small categories share a row. Each takes room by its number of cards.
      section.style.flex = this.changes ? "1 1 100%" : `${counters.length} 1 ${counters.length * CARD_REM}rem`;
      return section;
    });
    this.body.replaceChildren(this.lead, ...sections);
  }

  /** @param {Counter} counter @returns {Card} */
  card(counter) {
    const [value, by, vms] = [made("strong", {}, "…"), made("span", { class: "change" }), made("span", { class: "vms" })];
    const told = made("ul", { class: "changes" });
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
      told,
    );
    this.watch.observe(link);
    return { counter, link, value, change: by, vms, told, chart: new Chart(holder), drawing: holder, inView: false, asked: false };
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
    if (own.sort === "change") {
      await tellWho(); // a tenant's user may ask only of its own tenant
      const changes = await askChanges(range, own.against, lists.counters.length, ownTenant());
      if (!current()) return null;
      this.changes = changes;
      this.show(chosen, lists);
    }
    if (!this.cards.size) return { own, newest: 0, end: 0, suppressed: "", notice: "", empty: `No counter matches “${own.search}”.` };
    // A hidden tab never learns which cards are in view, and need not.
    if (!this.looked && !document.hidden) await new Promise((done) => (this.known = () => done(undefined)));
    const inView = [...this.cards.values()].filter((card) => card.inView);
    const cards = inView.length ? inView : [...this.cards.values()].slice(0, 1);
    for (const card of cards) card.asked = true;
    const width = this.width();
    const interval = intervalOf(range, width);
    const keys = cards.map((card) => card.counter.key);
    /** @type {[string, string][]} */
    const hour = range.start ? [["start", String(range.end - HOUR * 60)], ["end", String(range.end)]] : [["minutes", String(HOUR + 1)]];
    const [heads, lines] = await Promise.all([
      askCharts("v1/get-data", keys, HOUR + 1, hour),
      askCharts("v1/get-data", keys, minutesOf(range), shape(range, width)),
    ]);
    if (!current()) return null;
    for (const key of keys) this.head(key, heads.items.get(key) ?? []);
    for (const card of cards) {
      const { counter, chart, link } = card;
      const items = lines.items.get(counter.key) ?? [];
      const look = { unit: counter.unit, beside: /** @type {""} */ (""), small: true, utc: range.utc, interval, height: HEIGHT };
      chart.show(columns(items, interval, ""), look, lines.start, lines.end);
      card.drawing.setAttribute("aria-label", inWords("Chart", counter.unit, items, range.utc, ""));
      link.title = counter.key;
    }
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
    const { newest, mean } = againstTheHourBefore(items);
    const { unit } = card.counter;
    card.value.textContent = newest ? written(newest.average, unit) : "–";
    card.change.textContent = mean === null ? "" : change(mean, /** @type {number} */ (newest?.average), unit);
    card.change.title = `compared with the average of the hour before${unit === "%" ? ", in percentage points" : ""}`;
    card.vms.textContent = newest?.count ? `${newest.count.toLocaleString()} ${newest.count === 1 ? "VM" : "VMs"}` : items.length ? "suppressed" : "no data";
    if (newest && newest.count === null) card.vms.textContent = "";
  }

  heading() {
    return "Fleet";
  }

  fit() {
    for (const card of this.cards.values()) card.chart.fit();
  }

  /** What is in view. @returns {import("../files.js").Drawing[]} */
  drawings() {
    return [...this.cards.values()].flatMap(({ counter, chart, value, inView }) =>
      inView && chart.canvas ? [{ title: `${counter.title}: ${value.textContent}`, legend: [], canvas: chart.canvas }] : [],
    );
  }
}
