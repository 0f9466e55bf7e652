// The page: routes between views. It connects the choice, in the URL and the controls, with the shown data.
// Knows when to ask again and what to say on failure. Does not know what a view asks and draws.

import { askForKey } from "./access.js";
import { NoAccess, ping, Problem } from "./ask.js";
import { clock } from "./clock.js";
import { onDrops } from "./drops.js";
import { byId, made, reveal, settled } from "./elements.js";
import { EMBEDDED, takeTokens } from "./embedded.js";
import { askLists, NO_LISTS } from "./lists.js";
import { isLate, say, sayAge, tell, tellProblem } from "./notices.js";
import { onPaper } from "./paper.js";
import { onRange, readRange, showRange, writeRange } from "./range.js";
import { whyRefused } from "./refused.js";
import { saveCsv, savePng } from "./saving.js";
import { asksFor, DEFAULT, loaded, VIEWS, views } from "./views.js";
import { ownTenant, tellWho } from "./who.js";

/**
 * @typedef {import("./ask.js").Parameters} Parameters
 * @typedef {import("./range.js").Range} Range
 * @typedef {import("./view.js").Control} Control
 * @typedef {import("./view.js").Host} Host
 */
/** @template Own @typedef {import("./view.js").Chosen<Own>} Chosen */
/** @template Own @typedef {import("./view.js").Shown<Own>} Shown */

const [REFRESH_MS, CHECK_MS] = [60_000, 5_000]; // how often the page asks, and checks that the server is there
const FOR_TENANTS = "As a tenant's user you see the fleet's averages, and how its values are spread, where these tell nothing about another tenant.";

/** @type {Host} */
const host = {
  choose: ({ range, own }) => go({ ...base(), range: { ...base().range, ...range }, own: own ?? base().own }),
  zoom(start, end) {
    left.push(base().range);
    go({ ...base(), range: { ...base().range, start, end } });
  },
  adjust(own) {
    wanted = { ...base(), own };
    if (shown) shown.chosen = { ...shown.chosen, own };
    history.replaceState(null, "", write(wanted));
    bring(wanted);
    show();
  },
  refresh: () => show(),
  address: (name, own, range) => address(name, Array.isArray(own) ? own : (views.get(name)?.write(own) ?? []), range),
};

/** @type {Range[]} The ranges from which a person has looked at a part, the last one last. */
const left = [];

let wanted = /** @type {Chosen<any>} */ (/** @type {any} */ (null)); // until the first view is loaded
/**
 * The data in the charts, and when it was shown (milliseconds).
 * @type {{chosen: Chosen<any>, at: number, newest: number, end: number} | null}
 */
let shown = null;
/** @type {unknown} Why the page does not show the choice; null if it does. */
let problem = null;
let lists = NO_LISTS;
/** What every view needs: the lists, and who is signed in. */
const askAll = () => Promise.all([askLists(), tellWho()]);
/** @type {ReturnType<typeof askAll> | null} asked while the first view loads. An embedded page has no token yet, so it asks later. */
let early = EMBEDDED ? null : askAll();
early?.catch(() => {}); // who takes the answer says what is wrong
let [opening, asked] = [0, 0]; // number the choices and the requests, so that what loads slowly never replaces what is newer
let askedAt = 0; // milliseconds
let [waiting, checking] = [false, false]; // for an answer, and for a sign of life

/** @param {string} query @returns {Promise<Chosen<any>>} */
async function read(query) {
  const given = new URLSearchParams(query);
  const view = await loaded(asksFor(given), host);
  byId("view").append(view.body);
  return { view, range: readRange(given), own: view.read(given) };
}

/** Show what a query says. @param {string} query @param {(chosen: Chosen<any>) => void} take */
async function open(query, take) {
  const mine = ++opening;
  try {
    const chosen = await read(query);
    if (mine === opening) take(chosen);
  } catch (error) {
    if (mine === opening) fail(error);
  }
}

/** @param {Chosen<any>} chosen @returns {string} the query, with a question mark, without default values */
const write = ({ view, range, own }) => address(view.name, view.write(own), range);

/** @param {string} name @param {Parameters} own @param {Range} range */
function address(name, own, range) {
  /** @type {Parameters} */
  const all = [["view", name === DEFAULT ? "" : name], ...own, ...writeRange(range)];
  return `?${EMBEDDED ? "embed&" : ""}${new URLSearchParams(all.filter(([, value]) => value))}`;
}

/** The choice in the controls. The next choice changes it. After a failure, the controls match the charts. */
const base = () => (problem && shown ? shown.chosen : wanted);

/** @param {Chosen<any>} chosen */
function go(chosen) {
  opening++; // what is still being loaded comes too late
  wanted = chosen;
  history.pushState(null, "", write(wanted));
  tell("saving", "");
  show();
}

/** Begin with a choice that stands in the URL. @param {Chosen<any>} chosen */
function begin(chosen) {
  wanted = chosen;
  show();
}

/** Set the controls and the layout to a choice. @param {Chosen<any>} chosen */
function bring(chosen) {
  for (const id of ["open-controls", "controls", "main"]) byId(id).hidden = false; // from the first time on: nothing moves then
  const { view } = chosen;
  for (const { name } of VIEWS) {
    const link = byId(`to-${name}`);
    link.href = name === view.name ? write(chosen) : address(name, [], chosen.range);
    link.ariaCurrent = name === view.name ? "page" : null;
  }
  for (const each of views.values()) each.body.hidden = each !== view;
  // Fields of other views are taken out, since they may have the same labels. Those that stay keep their focus.
  if (byId("own").firstChild !== (view.fields[0] ?? null)) byId("own").replaceChildren(...view.fields);
  byId("to-operations").hidden = Boolean(ownTenant());
  for (const control of document.querySelectorAll("[data-control]")) {
    const name = /** @type {HTMLElement} */ (control).dataset.control ?? "";
    if (!["display", "save"].includes(name)) /** @type {HTMLElement} */ (control).hidden = !view.controls.includes(/** @type {Control} */ (name));
  }
  view.show(chosen, lists);
  showRange(chosen.range, view.width());
  reveal(byId(`to-${view.name}`));
  document.title = `${view.heading(chosen, lists)} · Spot PC Insights`;
  byId("open-controls").textContent = view.controls.includes("range") ? `Choose (${byId("range").selectedOptions[0]?.textContent})` : "Choose";
}

/** Ask for the chosen data and show it. On failure, say so, and keep the charts and the controls as they were. */
async function show() {
  if (!wanted) return open(location.search, begin);
  const mine = ++asked;
  const current = () => mine === asked;
  const chosen = wanted;
  askedAt = Date.now();
  waiting = true;
  const again = Boolean(shown && write(shown.chosen) === write(chosen)); // then all stays as it is until the answer comes
  if (!again && (!problem || !shown)) bring(chosen);
  byId("main").setAttribute("aria-busy", String(!again));
  try {
    if (!lists.counters.length || Date.now() - lists.at >= REFRESH_MS) {
      const asked = early ?? askAll();
      early = null;
      [lists] = await asked;
    }
    if (!current()) return;
    byId("view").hidden = false;
    if (!again) bring(chosen);
    byId("controls").classList.remove("waiting"); // they are filled, so they keep their places
    const newest = Math.max(0, ...lists.counters.map((counter) => counter.newest));
    const [done, refused] = await Promise.all([
      lists.counters.length || chosen.view.always ? chosen.view.refresh(chosen, lists, current) : null,
      !newest || isLate(newest, chosen.range) ? whyRefused() : "",
    ]);
    if (!current()) return;
    succeed(done ? { ...chosen, own: done.own } : chosen, done, refused);
  } catch (error) {
    if (current()) fail(error);
  } finally {
    if (current()) {
      waiting = false;
      byId("main").setAttribute("aria-busy", "false");
      byId("controls").classList.remove("waiting");
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
  tell("suppressed", done?.suppressed ? FOR_TENANTS : "");
  tellProblem(null, "", false);
  tellWho();
  if (done && !done.empty) sayAge(done.newest, chosen.range);
  else say(done ? "" : "no data yet");
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
  byId("view").hidden = !shown && (Boolean(problem) || !wanted?.view.always);
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

for (const { name, title } of VIEWS) byId("views").append(made("a", { id: `to-${name}`, href: address(name, [], readRange(new URLSearchParams(location.search))) }, title), " ");
onRange(() => base().range, (range) => {
  left.length = 0;
  host.choose({ range });
});
onDrops();
onPaper();
byId("controls").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
byId("save-csv").addEventListener("click", () => shown && saveCsv(shown, lists).catch(fail).finally(usable));
byId("save-png").addEventListener("click", () => shown && savePng(shown, lists).catch(fail));
byId("print").addEventListener("click", () => Promise.resolve(wanted?.view.whole?.()).then(() => print(), fail));
byId("again").addEventListener("click", () => show());
askForKey(() => show());
takeTokens(() => show());
document.addEventListener("click", (event) => {
  // Cards and views are links, so people can open them in a new tab. A plain click changes this page.
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a");
  if (!link || link.origin !== location.origin || link.pathname !== location.pathname) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link.search, (chosen) => {
    go(chosen);
    scrollTo(0, 0);
    if (byId("main").contains(link)) byId("main").focus(); // the link may be gone
  });
});
/** Go back to the range before the part that is looked at. */
function zoomOut() {
  const { range } = base();
  if (range.start) host.choose({ range: left.pop() ?? { start: 0, end: 0 } });
}
document.addEventListener("dblclick", (event) => /** @type {HTMLElement} */ (event.target).closest(".u-over") && zoomOut());
document.addEventListener("keydown", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape" && !event.defaultPrevented && !at.closest("input, select, dialog, [popover]")) zoomOut();
});
addEventListener("popstate", () => {
  left.length = 0;
  open(location.search, begin);
});
addEventListener("resize", settled(() => views.forEach((view) => view.fit()), 100));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
for (const event of ["focus", "online", "offline"]) addEventListener(event, check);
document.addEventListener("visibilitychange", check);
setInterval(check, CHECK_MS);
await show();
