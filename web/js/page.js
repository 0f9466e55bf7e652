// The page: routes between views. It connects the choice, in the URL and the controls, with the shown data.
// Knows what a view is, when to ask again and what to say on failure. Does not know what a view asks and draws.

import { askForKey } from "./access.js";
import { askTable, NoAccess, ping, Problem } from "./ask.js";
import { clock, dated, zoneName } from "./clock.js";
import { byId, made, settled } from "./elements.js";
import { EMBEDDED, takeTokens } from "./embedded.js";
import { fileName, picture, save } from "./files.js";
import { askLists, NO_LISTS } from "./lists.js";
import { isLate, say, sayAge, tell, tellProblem } from "./notices.js";
import { minutesOf, onRange, readRange, showRange, writeRange } from "./range.js";
import { whyRefused } from "./refused.js";
import { Compare } from "./views/compare.js";
import { Fleet } from "./views/fleet.js";
import { tellWho } from "./who.js";

/**
 * @typedef {import("./ask.js").Parameters} Parameters
 * @typedef {import("./lists.js").Lists} Lists
 * @typedef {import("./range.js").Range} Range
 */

/**
 * @template Own
 * @typedef {{view: View<Own>, range: Range, own: Own}} Chosen `own`: the choices that only that view offers
 */

/**
 * @template Own
 * @typedef {{own: Own, newest: number, end: number, suppressed: string, notice: string, empty: string}} Shown
 *   `own`: the choice, completed with the view's defaults. `newest`: the newest minute with data, `end`: the end of
 *   the range (Unix seconds, 0: none). `suppressed`, `notice`, `empty`: messages to people; empty if there is none.
 */

/**
 * What the page needs from a view. `fields` are its controls. `parameters` are its own URL parameters. `show` sets
 * controls and layout to the choice and asks nothing. `refresh` asks and draws; null if the choice changed meanwhile.
 * @template Own
 * @typedef {{name: string, title: string, parameters: string[], fields: HTMLElement[], body: HTMLElement,
 *   read: (given: URLSearchParams) => Own, write: (own: Own) => Parameters, show: (chosen: Chosen<Own>, lists: Lists) => void,
 *   refresh: (chosen: Chosen<Own>, lists: Lists, current: () => boolean) => Promise<Shown<Own> | null>,
 *   table: (chosen: Chosen<Own>, lists: Lists) => {path: string, keys: string[], parameters: Parameters},
 *   drawings: () => import("./files.js").Drawing[], width: () => number, fit: () => void}} View
 */

/**
 * What a view needs from the page: change the choice; adjust what needs no answer from the server; ask again;
 * the address of a view.
 * @typedef {{choose: (changes: {range?: Partial<Range>, own?: unknown}) => void, adjust: (own: unknown) => void,
 *   refresh: () => void, address: (view: string, own: unknown, range: Range) => string}} Host
 */

const REFRESH_MS = 60_000;
const CHECK_MS = 5_000; // how often the page checks that the server is there

/** @type {Host} */
const host = {
  choose: ({ range, own }) => go({ ...base(), range: { ...base().range, ...range }, own: own ?? base().own }),
  adjust(own) {
    wanted = { ...base(), own };
    if (shown) shown.chosen = { ...shown.chosen, own };
    history.replaceState(null, "", write(wanted));
    show();
  },
  refresh: () => show(),
  address: (name, own, range) => write({ view: VIEWS.find((view) => view.name === name) ?? VIEWS[0], own, range }),
};

/**
 * A new view needs a file in views/ and a line here. The first view is the default.
 * @type {[View<any>, ...View<any>[]]}
 */
const VIEWS = [new Fleet(host), new Compare(host)];

/** @type {Chosen<any>} */
let wanted = read(location.search);
/**
 * The data in the charts, and when it was shown (milliseconds).
 * @type {{chosen: Chosen<any>, at: number, newest: number, end: number} | null}
 */
let shown = null;
/** @type {unknown} Why the page does not show the choice; null if it does. */
let problem = null;
let lists = NO_LISTS;
let asked = 0; // numbers the requests, so that a slow answer never replaces a newer one
let askedAt = 0; // milliseconds
let waiting = false; // for an answer
let checking = false;

/** @param {string} query @returns {Chosen<any>} */
function read(query) {
  const given = new URLSearchParams(query);
  const view = VIEWS.find(({ name }) => name === given.get("view")) ?? VIEWS.findLast(({ parameters }) => parameters.some((name) => given.get(name))) ?? VIEWS[0];
  return { view, range: readRange(given), own: view.read(given) };
}

/** @param {Chosen<any>} chosen @returns {string} the query, with a question mark, without default values */
function write({ view, range, own }) {
  /** @type {Parameters} */
  const all = [["view", view === VIEWS[0] ? "" : view.name], ...view.write(own), ...writeRange(range)];
  return `?${EMBEDDED ? "embed&" : ""}${new URLSearchParams(all.filter(([, value]) => value))}`;
}

/** The choice in the controls. The next choice changes it. After a failure, the controls match the charts. */
const base = () => (problem && shown ? shown.chosen : wanted);

/** Change the choice. @param {Chosen<any>} chosen */
function go(chosen) {
  wanted = chosen;
  history.pushState(null, "", write(wanted));
  tell("saving", "");
  show();
}

/** Set the controls and the layout to a choice. @param {Chosen<any>} chosen */
function bring(chosen) {
  for (const view of VIEWS) {
    const on = view === chosen.view;
    const link = byId(`to-${view.name}`);
    link.href = on ? write(chosen) : write({ view, range: chosen.range, own: view.read(new URLSearchParams()) });
    link.toggleAttribute("aria-current", on);
    view.body.hidden = !on;
    for (const field of view.fields) field.hidden = !on;
  }
  chosen.view.show(chosen, lists);
  showRange(chosen.range, chosen.view.width());
}

/** Ask for the chosen data and show it. On failure, say so, and keep the charts and the controls as they were. */
async function show() {
  const mine = ++asked;
  const current = () => mine === asked;
  const chosen = wanted;
  askedAt = Date.now();
  waiting = true;
  if (!problem || !shown) bring(chosen);
  byId("main").setAttribute("aria-busy", String(!shown || write(shown.chosen) !== write(chosen)));
  try {
    if (!lists.counters.length || Date.now() - lists.at >= REFRESH_MS) lists = await askLists();
    if (!current()) return;
    byId("view").hidden = false;
    bring(chosen);
    const done = lists.counters.length ? await chosen.view.refresh(chosen, lists, current) : null;
    const refused = !done || isLate(done.newest, chosen.range) ? await whyRefused() : "";
    if (!current()) return;
    succeed(done ? { ...chosen, own: done.own } : chosen, done, refused);
  } catch (error) {
    if (current()) fail(error);
  } finally {
    if (current()) {
      waiting = false;
      byId("main").setAttribute("aria-busy", "false");
    }
  }
}

/** @param {Chosen<any>} chosen @param {Shown<any> | null} done null: there is no data at all @param {string} refused why */
function succeed(chosen, done, refused) {
  wanted = chosen;
  if (write(chosen) !== location.search) history.replaceState(null, "", write(chosen)); // for sharing the URL
  problem = null;
  shown = done && { chosen, at: Date.now(), newest: done.newest, end: done.end };
  bring(chosen);
  tell("empty", done ? done.empty : refused || "No data has arrived yet. It appears here as soon as a tenant's collector (SPOC) has sent some.");
  tell("notice", done ? [done.notice, refused].filter(Boolean).join(" ") : "");
  tell("suppressed", done?.suppressed ? `As a tenant's user: ${done.suppressed}.` : "");
  tellProblem(null, "", false);
  tellWho();
  if (!done) say("no data yet");
  else if (done.empty) say("");
  else sayAge(done.newest, chosen.range);
  usable();
}

/** @param {unknown} error */
function fail(error) {
  problem = error;
  if (!(error instanceof Problem)) console.error(error);
  byId("main").setAttribute("aria-busy", "false");
  if (shown) bring(shown.chosen);
  const since = shown ? clock(shown.at / 1000, shown.chosen.range.utc) : "";
  tellProblem(error, since, Boolean(shown && write(shown.chosen) !== write(wanted)));
  usable();
}

/** After a failure, there may be nothing to show and to save. */
function usable() {
  byId("view").hidden = Boolean(problem) && !shown;
  for (const id of ["save-csv", "save-png"]) byId(id).disabled = !shown;
}

/** Notice when data is due, and when the server went or came back. */
async function check() {
  if (document.hidden || checking) return;
  const due = Date.now() - askedAt >= REFRESH_MS;
  if (!problem && due && !waiting) return void show();
  if (problem ? problem instanceof NoAccess || !(due || (problem instanceof Problem && problem.passing)) : !document.hasFocus()) return;
  checking = true;
  const began = Date.now();
  try {
    await ping();
    if (problem && !waiting) show();
  } catch (error) {
    // An answer that arrived meanwhile is the better sign.
    if (!problem && !(shown && shown.at > began)) fail(error);
  } finally {
    checking = false;
  }
}

/** Save the data of the charts. If a view shows only a part, save all of it. */
async function saveCsv() {
  if (!shown) return;
  const { chosen, end } = shown;
  const { path, keys, parameters } = chosen.view.table(chosen, lists);
  const minutes = minutesOf(chosen.range);
  // All requests must use the shown range, although new data keeps arriving.
  /** @type {Parameters} */
  const fixed = [["start", String(end - (minutes - 1) * 60)], ["end", String(end)]];
  const asked = chosen.range.start || !end ? parameters : [...fixed, ...parameters.filter(([name]) => name !== "minutes")];
  byId("save-csv").disabled = true;
  const saving = (/** @type {number} */ count) => tell("saving", `Saving ${count.toLocaleString()} of ${keys.length.toLocaleString()} counters …`);
  try {
    saving(0);
    save(await askTable(path, keys, minutes, asked, saving), fileName(chosen.view.name, "csv"));
    tell("saving", `Saved ${keys.length.toLocaleString()} ${keys.length === 1 ? "counter" : "counters"}.`);
  } catch (error) {
    tell("saving", "Not saved: see above.");
    fail(error);
  }
  usable();
}

async function savePng() {
  if (!shown) return;
  const { view, range } = shown.chosen;
  const heading = [`Spot PC Insights, ${byId("range").selectedOptions[0].textContent}, ${zoneName(range.utc)}, saved ${dated(Date.now() / 1000, range.utc)}`];
  save(await picture(heading, view.drawings()), fileName(view.name, "png"));
}

for (const view of VIEWS) {
  byId("views").append(made("a", { id: `to-${view.name}` }, view.title), " ");
  byId("own").append(...view.fields);
  byId("view").append(view.body);
}
onRange((range) => Object.keys(range).length && host.choose({ range }));
byId("controls").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
byId("save-csv").addEventListener("click", () => saveCsv());
byId("save-png").addEventListener("click", () => savePng().catch(fail));
byId("again").addEventListener("click", () => show());
askForKey(() => show());
takeTokens(() => show());
document.addEventListener("click", (event) => {
  // Cards and views are links, so people can open them in a new tab. A plain click changes this page.
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a");
  if (!link || link.origin !== location.origin || link.pathname !== location.pathname) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(read(link.search));
  scrollTo(0, 0);
});
addEventListener("popstate", () => {
  wanted = read(location.search);
  show();
});
addEventListener("resize", settled(() => VIEWS.forEach((view) => view.fit()), 100));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
for (const event of ["focus", "online", "offline"]) addEventListener(event, check);
document.addEventListener("visibilitychange", check);
setInterval(check, CHECK_MS);
await show();
