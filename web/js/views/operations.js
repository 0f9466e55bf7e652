// The Operations view, for operators: what runs, what was refused, dead letters, tenants, and the state of the system.
// Knows its parts, each a file in operations/, which is loaded when it is first looked at. Does not know what they show.

import { made, reveal } from "../elements.js";
import { html, nothing, render } from "../html.js";
import { isOperator, signedIn, tellWho } from "../who.js";

const SOON_MS = 3_000; // until something that moves is asked for again
const AFTER_MS = 20_000; // for how long after an action things may move
const SAID_MS = 300_000; // for how long it is said what was done

/** @typedef {"status" | "running" | "refused" | "letters" | "tenants"} Part */
/** @typedef {{part: Part, day: string, message: string}} Own `day` and `message`: what of the quarantine is looked at */

/**
 * What a part needs. `choose` and `address`: with these of the view's own choices changed. `act`: do what answers a sentence for the person,
 * then ask again; a failure is said in the page. While one is under way, others are ignored: a double click does a thing once. `leave`: look
 * at all of the day, if this message of the quarantine is still looked at. `again`: draw again.
 * @typedef {{utc: boolean, labels: Map<string, string>, tenants: string[], choose: (own: Partial<Own>) => void, address: (own: Partial<Own>) => string,
 *   act: (work: () => Promise<string>) => void, leave: (message: string) => void, again: () => void}} Context
 */

/** @type {[Part, string][]} */
const PARTS = [["status", "Status"], ["running", "Running"], ["refused", "Refused input"], ["letters", "Dead letters"], ["tenants", "Tenants"]];
const DAY = /^20\d\d-\d\d-\d\d$/;
const MESSAGE = /^[0-9a-f]{32}$/;

/** @param {Part} part @returns {Promise<{load: (own: Own) => Promise<any>, template: (found: any, context: Context) => any, moves?: (found: any) => boolean}>} */
const loaded = (part) => {
  switch (part) {
    case "running": return import("../operations/running.js");
    case "refused": return import("../operations/refused.js");
    case "letters": return import("../operations/letters.js");
    case "tenants": return import("../operations/enrolment.js");
    default: return import("../operations/status.js");
  }
};

export class Operations {
  name = "operations";
  /** @type {import("../view.js").Control[]} */
  controls = [];
  always = true; // before any data, the first customer is enrolled here
  /** @type {HTMLElement[]} */
  fields = [];
  /** What was done last, or why it failed. */
  said = "";
  failed = false;
  saidUntil = 0; // milliseconds
  acting = false;
  /** @type {Own} what is looked at */
  own = { part: "status", day: "", message: "" };
  movesUntil = 0; // milliseconds
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  soon;

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "operations" });
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    const part = PARTS.find(([name]) => name === given.get("part"))?.[0] ?? "status";
    const [day, message] = [given.get("day") ?? "", given.get("message") ?? ""];
    const looks = part === "refused" && DAY.test(day);
    return { part, day: looks ? day : "", message: looks && MESSAGE.test(message) ? message : "" };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ part, day, message }) {
    return [["part", part === "status" ? "" : part], ["day", day], ["message", message]];
  }

  /** @param {import("../view.js").Chosen<Own>} chosen */
  show({ own }) {
    if (own.part !== this.own.part) this.said = "";
    this.own = own;
  }

  /** @param {import("../view.js").Chosen<Own>} chosen @param {import("../lists.js").Lists} lists @param {() => boolean} current */
  async refresh(chosen, lists, current) {
    const { own, range } = chosen;
    clearTimeout(this.soon);
    if (Date.now() > this.saidUntil) this.said = "";
    await tellWho();
    if (!current()) return null;
    if (!isOperator()) {
      render(nothing, this.body);
      return { own, newest: 0, end: 0, suppressed: "", notice: "", empty: refusal() };
    }
    const part = await loaded(own.part);
    const found = await part.load(own);
    if (!current()) return null;
    const context = this.context(chosen, lists);
    const again = () => render(html`${this.tabs(chosen)}${this.news()}<div class="part">${part.template(found, { ...context, again })}</div>`, this.body);
    again();
    for (const link of this.body.querySelectorAll(".parts [aria-current]")) reveal(/** @type {HTMLElement} */ (link));
    if (part.moves?.(found) || Date.now() < this.movesUntil) this.soon = setTimeout(() => !this.body.hidden && !document.hidden && this.host.refresh(), SOON_MS);
    const newest = Math.max(0, ...lists.counters.map((each) => each.newest));
    return { own, newest, end: range.end, suppressed: "", notice: "", empty: "" };
  }

  /** @param {import("../view.js").Chosen<Own>} chosen @param {import("../lists.js").Lists} lists @returns {Context} */
  context({ own, range }, lists) {
    const { utc } = range;
    const changed = (/** @type {Partial<Own>} */ changes) => ({ ...own, ...changes, ...(changes.part && changes.part !== "refused" ? { day: "", message: "" } : {}) });
    return {
      utc, labels: lists.labels, tenants: lists.tenants, again: () => {},
      choose: (changes) => this.host.choose({ own: changed(changes) }),
      address: (changes) => this.host.address(this.name, changed(changes), range),
      act: (work) => this.act(work),
      leave: (message) => {
        if (message && message === this.own.message && !this.body.hidden) this.host.choose({ own: { ...this.own, message: "" } });
      },
    };
  }

  /** @param {() => Promise<string>} work */
  async act(work) {
    if (this.acting) return;
    this.acting = true;
    try {
      this.said = await work();
      this.failed = false;
      this.movesUntil = Date.now() + AFTER_MS;
    } catch (error) {
      this.said = /** @type {Error} */ (error).message;
      this.failed = true;
    }
    this.acting = false;
    this.saidUntil = Date.now() + SAID_MS;
    this.host.refresh();
  }

  /** @param {import("../view.js").Chosen<Own>} chosen */
  tabs({ own, range }) {
    return html`<nav class="parts" aria-label="Parts of operations">${PARTS.map(([part, title]) =>
      html`<a href=${this.host.address(this.name, { part, day: "", message: "" }, range)} aria-current=${part === own.part ? "page" : nothing}>${title}</a> `)}</nav>`;
  }

  news() {
    return html`<p class=${this.failed ? "news worse" : "news"} role="status">${this.said}</p>`;
  }

  width() {
    return 240;
  }

  fit() {}

  /** @param {import("../view.js").Chosen<Own>} chosen */
  heading({ own }) {
    return `Operations: ${PARTS.find(([part]) => part === own.part)?.[1].toLowerCase()}`;
  }
}

/** Why somebody who is no operator sees nothing here, and what to do. */
function refusal() {
  const who = signedIn();
  return `Only operators see this. ${who ? `You are signed in as ${who}.` : "The page could not find out who you are."} Ask whoever runs Spot PC Insights for you to make you an operator, or to look here for you.`;
}
