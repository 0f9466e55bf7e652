// The fleet at a glance: one card per counter, what is unusual first, then by category; or what changed most first. A card
// opens to more of its counter (opened.js). Only cards in view ask for their points, so many counters open as fast as few.

import { ask, NoAccess } from "../ask.js";
import { askCards, POINTS } from "../cards.js";
import { AGAINST, askChanges, compared, notable, said } from "../changes.js";
import { fill, labelled, made, settled } from "../elements.js";
import { figures } from "../figures.js";
import { classes, html, nothing, render, repeat } from "../html.js";
import { NO_LISTS } from "../lists.js";
import { onNames } from "../names.js";
import { isPaper } from "../paper.js";
import { Opened } from "../opened.js";
import { shape } from "../range.js";
import { spark } from "../spark.js";
import { called, grouped, MOST_LINES } from "../unusual.js";
import { ownTenant, tellWho } from "../who.js";

const LINES = 3; // how many changes a card tells

const [UNUSUAL, CHANGED, USUAL, NOT_COMPARED] = ["Unusual now", "Moved more than usual", "Moved as usual", "Not compared"];
const SORTS = /** @type {[Sort, string][]} */ ([["", "what is unusual first"], ["kind", "by category"], ["change", "what changed first"]]);

/**
 * @typedef {"" | "kind" | "change"} Sort
 * @typedef {import("../ask.js").Counter} Counter
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {import("../unusual.js").Line} Line
 * @typedef {{search: string, sort: Sort, against: import("../changes.js").Against, open: string}} Own
 * @typedef {import("../view.js").Chosen<Own>} Chosen
 * @typedef {import("../cards.js").Data} Data
 */

export class Fleet {
  name = "fleet";

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "fleet" });
    this.search = made("input", { id: "search", type: "search", placeholder: "processor, disk …", autocomplete: "off" });
    this.sort = made("select", { id: "sort" });
    fill(this.sort, SORTS, "");
    this.against = made("select", { id: "against" });
    fill(this.against, AGAINST, "previous");
    this.againstField = labelled("Compared with", this.against);
    // One field for both, since the page hides and shows fields.
    this.fields = [labelled("Search", this.search), made("div", { class: "pair" }, labelled("Order", this.sort), this.againstField)];
    const choose = () => this.body.hidden || host.adjust({ search: this.search.value.trim(), sort: this.sort.value, against: this.against.value, open: "" });
    this.search.addEventListener("input", settled(choose, 150));
    for (const select of [this.sort, this.against]) select.addEventListener("change", choose);
    this.opened = new Opened(host, () => this.draw());
    this.lists = NO_LISTS;
    /** @type {Chosen | null} */
    this.chosen = null;
    /** @type {import("../changes.js").Changes | null} what changed, if that is the order */
    this.changes = null;
    /** @type {Map<string, Line[]> | null} by counter, what is unusual, the most telling first; null: it is not known yet */
    this.unusual = null;
    /** @type {Map<string, Data>} */
    this.data = new Map();
    /** @type {WeakMap<Data, {told: ReturnType<typeof figures>, chart: import("../html.js").Template}>} what cards say and draw of their data: made once, since cards are drawn several times */
    this.drawn = new WeakMap();
    /** @type {Set<string>} */
    this.inView = new Set();
    this.looked = false; // whether the page knows which cards are in view
    /** Called when the page knows which cards are in view. */
    this.known = () => {};
    const later = settled(() => this.more(), 50);
    this.watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const key = /** @type {HTMLElement} */ (target).dataset.key ?? "";
        if (isIntersecting) this.inView.add(key);
        else this.inView.delete(key);
        if (isIntersecting && !this.data.has(key) && this.looked) later();
      }
      this.looked = true;
      this.known();
    }, { rootMargin: "100px" });
    onNames(() => this.draw());
    addEventListener("paper", () => this.draw());
  }

  /** @returns {import("../view.js").Control[]} */
  get controls() {
    return this.chosen?.own.open ? ["range", "points", "csv", "png"] : ["range", "points", "csv"];
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    const against = AGAINST.find(([each]) => each === given.get("against"))?.[0] ?? "previous";
    const sort = SORTS.find(([each]) => each === given.get("sort"))?.[0] ?? "";
    return { search: given.get("search") ?? "", sort, against, open: given.get("open") ?? "" };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ search, sort, against, open }) {
    return [["search", search], ["sort", sort], ["against", sort === "change" && against !== "previous" ? against : ""], ["open", open]];
  }

  /** Set controls and cards to the choice. @param {Chosen} chosen @param {Lists} lists */
  show(chosen, lists) {
    const { search, sort, against } = chosen.own;
    [this.lists, this.chosen] = [lists, chosen];
    if (this.search !== document.activeElement) this.search.value = search;
    this.sort.value = sort;
    this.against.value = against;
    this.againstField.hidden = sort !== "change";
    if (sort !== "change") this.changes = null; // until they are asked for, cards stay as they are
    this.draw();
  }

  /** The counters that match the search. @param {Chosen} chosen @param {Lists} lists */
  found({ own }, lists) {
    const words = own.search.toLowerCase().split(/\s+/).filter(Boolean);
    return lists.counters.filter(({ group, title, key }) => words.every((word) => `${group} ${title} ${key}`.toLowerCase().includes(word)));
  }

  /** The counter of the card that is open. */
  get open() {
    return this.lists.counters.find(({ key }) => key === this.chosen?.own.open);
  }

  /** Counters by the headings under which they stand. @param {Counter[]} counters @returns {Map<string, Counter[]>} */
  groups(counters) {
    if (this.changes) {
      const changed = notable(this.changes);
      const usual = this.changes.reason === null ? USUAL : NOT_COMPARED;
      return grouped(first(counters, [...changed.keys()]), ({ key }) => (changed.has(key) ? CHANGED : usual));
    }
    if (this.chosen?.own.sort === "kind") return grouped(counters, ({ group }) => group);
    const unusual = [...(this.unusual?.keys() ?? [])];
    return grouped(first(counters, unusual), ({ key, group }) => (unusual.includes(key) ? UNUSUAL : group));
  }

  draw() {
    const { chosen, lists, open } = this;
    if (!chosen) return;
    if (!this.unusual && !this.data.size) { // cards would move when it is known what is unusual
      return render(lists.counters.length ? html`<p class="empty" role="status">Loading …</p>` : nothing, this.body);
    }
    if (open) {
      this.inView.clear();
      return render(this.opened.template(open, chosen), this.body);
    }
    const found = this.found(chosen, lists);
    const printed = isPaper() ? found.filter(({ key }) => this.data.has(key)) : found;
    const left = found.length - printed.length;
    const groups = this.groups(printed);
    render(
      html`${left ? html`<p class="note">${printed.length} of ${found.length} counters are printed: those whose cards were in view. “Save”, “Print” on the page prints all of them.</p>` : nothing}
        ${this.changes ? html`<p id="compared" class="note" role="status">${compared(this.changes, chosen.range.utc, "“Compared with” or “Time range”")}</p>` : nothing}
        ${repeat(groups, ([group]) => group, ([group, counters]) => html`<section aria-label=${group} class=${`cards-${this.changes || group === UNUSUAL ? "all" : Math.min(counters.length, 4)}`}>
          <h2>${group}</h2>
          <div class="grid">${repeat(counters, ({ key }) => key, (counter) => this.card(counter, chosen))}</div>
        </section>`)}`,
      this.body,
    );
    for (const card of this.body.querySelectorAll(".card")) this.watch.observe(card);
  }

  /** @param {Counter} counter @param {Chosen} chosen */
  card(counter, { own, range }) {
    const { key, title, unit } = counter;
    const data = this.data.get(key);
    const [line] = this.unusual?.get(key) ?? [];
    const changes = (this.changes && notable(this.changes).get(key)?.slice(0, LINES)) ?? [];
    const { told, chart } = (data && this.drawn.get(data)) ?? this.say(counter, data, range.utc);
    return html`<a class=${classes({ card: true, unusual: line, worse: line?.notable })} data-key=${key} href=${this.target(key, changes[0], own, range)}>
      <span class="title">${title}</span>
      <span class="figures"><strong>${data ? told.main : "…"}</strong> <span class="what">${data ? told.what : nothing}</span></span>
      <span class="told">${told.middle}</span>
      <span class="told">${told.spread}</span>
      <div class="small-chart">${chart}</div>
      <span class="told">${told.usual}</span>
      ${line ? html`<span class="why">${called(line, this.lists.labels)}: ${line.sentence}</span>` : nothing}
      ${changes.length ? html`<ul class="changes">${changes.map((each) => html`<li class=${each.worse ? "worse" : ""}>${said(each, unit, this.changes?.tenant ?? null, this.lists.labels)}</li>`)}</ul>` : nothing}
    </a>`;
  }

  /** What a card says and draws of its data. @param {Counter} counter @param {Data | undefined} data @param {boolean} utc */
  say(counter, data, utc) {
    const look = { title: `${counter.title}, the fleet average`, unit: counter.unit, utc, step: (data?.step ?? 1) * 60 };
    const points = (data?.items ?? []).map(({ timestamp, average, low, high, expected }) => ({ at: timestamp, value: average, low, high, expected }));
    const drawn = { told: figures(counter, data?.head), chart: spark(points, look) };
    if (data) this.drawn.set(data, drawn);
    return drawn;
  }

  /**
   * What a card opens: a tenant or VM that changed most, beside the fleet; else more of its counter.
   * @param {string} key @param {import("../changes.js").Change | undefined} change @param {Own} own @param {import("../range.js").Range} range
   */
  target(key, change, own, range) {
    const tenant = (change?.kind === "tenant" ? change.name : change?.kind === "vm" ? this.changes?.tenant : "") ?? "";
    const vm = change?.kind === "vm" ? (change.name ?? "") : "";
    return tenant ? this.host.address("vm", [["key", key], ["tenant", tenant], ["vm", vm]], range) : this.host.address("fleet", { ...own, open: key }, range);
  }

  /** How many points a small chart has room for; a chart of an open card has more. */
  width() {
    return this.open ? this.opened.width() : POINTS;
  }

  /**
   * Ask for the data of the cards in view and show it.
   * @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current
   */
  async refresh(chosen, lists, current) {
    const { own, range } = chosen;
    await tellWho(); // a tenant's user may ask only of its own tenant, and not what is usual for others
    const [unusual, changes] = await Promise.all([
      askUnusual(ownTenant()),
      own.sort === "change" && !own.open ? askChanges(range, own.against, lists.counters.length, ownTenant()) : null,
    ]);
    if (!current()) return null;
    [this.unusual, this.changes] = [unusual, changes];
    this.show(chosen, lists);
    if (this.open) return this.opened.refresh(this.open, chosen, lists, current);
    const counters = this.found(chosen, lists);
    if (!counters.length) return { own, newest: 0, end: 0, suppressed: "", notice: "", empty: `No counter matches “${own.search}”.` };
    // A hidden tab never learns which cards are in view, and need not.
    if (!this.looked && !document.hidden) await new Promise((done) => (this.known = () => done(undefined)));
    const inView = counters.filter(({ key }) => this.inView.has(key));
    const keys = (inView.length ? inView : counters.slice(0, 1)).map(({ key }) => key);
    const { data, lines } = await askCards(keys, range);
    if (!current()) return null;
    this.data = data;
    this.draw();
    this.more(); // of cards that came into view meanwhile
    const last = newestIn(lines.items); // of a point, its first minute
    return { own: own.open ? { ...own, open: "" } : own, newest: last && (range.start ? last : lines.end), end: lines.end, suppressed: lines.suppressed ?? "", notice: "", empty: "" };
  }

  /** Ask for the data of cards that have come into view since. */
  async more() {
    await this.load([...this.inView].filter((key) => this.lists.counters.some((counter) => counter.key === key)))
      .catch(() => this.host.refresh()); // which says what is wrong
  }

  /** Ask for the data of all cards, in view or not. */
  async whole() {
    if (this.chosen) await this.load(this.found(this.chosen, this.lists).map(({ key }) => key));
  }

  /** Ask for the data of cards that have none yet. @param {string[]} wanted keys */
  async load(wanted) {
    const { chosen } = this;
    const keys = wanted.filter((key) => !this.data.has(key));
    if (!chosen || !keys.length || this.open) return;
    const asked = await askCards(keys, chosen.range);
    if (this.chosen?.range !== chosen.range) return;
    for (const [key, data] of asked.data) this.data.set(key, data);
    this.draw();
  }

  /** The data of its table: all matching counters, in view or not. @param {Chosen} chosen @param {Lists} lists */
  table(chosen, lists) {
    const keys = this.open ? [this.open.key] : this.found(chosen, lists).map(({ key }) => key);
    return { path: "v1/get-data", keys, parameters: shape(chosen.range, this.width()) };
  }

  fit() {
    this.opened.fit();
  }

  drawings() {
    return this.open ? this.opened.drawings() : [];
  }

  heading() {
    return this.open ? `${this.open.title}: the fleet` : "The fleet";
  }
}

/** Items in their order, but those with these keys first. @param {Counter[]} counters @param {string[]} keys */
function first(counters, keys) {
  const places = new Map(keys.map((key, place) => [key, place]));
  return counters.toSorted((one, other) => (places.get(one.key) ?? Infinity) - (places.get(other.key) ?? Infinity) || 0);
}

/** What is unusual, by counter. Who may not ask for it gets cards without. @param {string} tenant @returns {Promise<Map<string, Line[]>>} */
async function askUnusual(tenant) {
  /** @type {Line[]} */
  const lines = await ask("v1/get-unusual", [["limit", String(MOST_LINES)], ...(tenant ? /** @type {[string, string][]} */ ([["tenant", tenant]]) : [])]).then(
    ({ data }) => data,
    (error) => (error instanceof NoAccess && error.way === "as somebody else" ? [] : Promise.reject(error)),
  );
  const now = lines.filter(({ why, key }) => key !== null && (why === "unusual" || why === "stopped"));
  return grouped([...now.filter(({ notable }) => notable), ...now.filter(({ notable }) => !notable)], ({ key }) => key ?? "");
}

/** @param {Map<string, import("../ask.js").Item[]>} items */
const newestIn = (items) => Math.max(0, ...[...items.values()].map((each) => each.at(-1)?.timestamp ?? 0));
