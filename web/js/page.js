// The page: what is chosen, asked for and shown. State lives in the URL; views draw it; this module joins them.

import { ask, askTable, keepKey, NoAccess, Problem } from "./ask.js";
import { Compare } from "./compare.js";
import { byId, fill, settled } from "./elements.js";
import { picture, save } from "./files.js";
import { Fleet } from "./fleet.js";
import { short } from "./numbers.js";
import { read, write } from "./state.js";
import { ago, clock, fitting, INTERVALS, intervalOf, lasting, minutesOf, RANGES, rangeOf, zoneName } from "./time.js";

const REFRESH_MS = 60_000;
const LATE_SECONDS = 20 * 60;
const FIRST_COUNTERS = 4; // compared where none is chosen

/** @type {import("./state.js").State} */
let state = read(location.search);
/** @type {import("./ask.js").Counter[]} */
let counters = [];
let tenantOfVms = ""; // whose VMs the drop-down holds
let asked = 0; // numbers what is asked, so that a slow answer never covers a newer one
let shownAt = 0;
/** @type {string[]} */
let shownKeys = [];

const controls = {
  range: byId("range"), interval: byId("interval"), by: byId("by"), zone: byId("zone"), search: byId("search"), sort: byId("sort"),
  tenant: byId("tenant"), vm: byId("vm"), add: byId("add"),
};
const fleet = new Fleet(byId("fleet"), () => refresh());
const compare = new Compare(
  byId("compare"),
  (key) => go({ keys: state.keys.filter((each) => each !== key) }),
  (start, end) => go({ start, end }),
);

/** Choose something else. @param {Partial<import("./state.js").State>} changes */
function go(changes) {
  state = { ...state, ...changes };
  history.pushState(null, "", write(state));
  return show();
}

/** @param {string} text @param {boolean} [late] */
function say(text, late = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("late", late);
}

/** @param {unknown} problem */
function showProblem(problem) {
  const access = problem instanceof NoAccess;
  byId("problem").hidden = !problem;
  byId("problem-text").textContent =
    problem instanceof Problem ? problem.message : problem ? `Something went wrong on this page: ${problem}` : "";
  byId("access").hidden = !access || problem.signIn;
  byId("sign-in").hidden = !access || !problem.signIn;
  byId("sign-in").href = `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname + location.search)}`;
  byId("again").hidden = access;
  if (problem) byId("main").setAttribute("aria-busy", "false");
  if (problem && !(problem instanceof Problem)) console.error(problem);
}

/** @param {string} text empty: there is something to see */
function showEmpty(text) {
  byId("empty").hidden = !text;
  byId("empty").textContent = text;
}

/** The lists that drop-downs are made of. */
async function load() {
  const [listed, tenants] = await Promise.all([
    ask("v1/counters"),
    // Who sees only the fleet gets no tenants, and no drop-down of them.
    ask("v1/tenants").catch((error) => (error instanceof NoAccess && error.signIn ? { data: [] } : Promise.reject(error))),
  ]);
  counters = listed.data;
  const names = tenants.data.map((/** @type {{tenant: string}} */ { tenant }) => [tenant, short(tenant)]);
  fill(controls.tenant, [["", "the whole fleet"], ...names], state.tenant);
  byId("whose").hidden = !names.length;
}

async function loadVms() {
  if (tenantOfVms === state.tenant) return;
  const { data } = state.tenant ? await ask("v1/vms", [["tenant", state.tenant]]) : { data: [] };
  const named = data.map((/** @type {Record<string, string>} */ vm) => [
    vm.vm, [short(vm.vm ?? ""), vm.ResourcePoolName, vm.MachineSize].filter(Boolean).join(" · "),
  ]);
  fill(controls.vm, named.length ? named : [["", "choose a tenant first"]], state.vm);
  tenantOfVms = state.tenant;
}

/** Bring the controls and the layout to what is chosen. */
async function show() {
  try {
    if (!counters.length) await load();
    await loadVms();
  } catch (error) {
    showProblem(error);
    return;
  }
  const comparing = state.view === "compare";
  if (comparing && !state.keys.length) state = { ...state, keys: counters.slice(0, FIRST_COUNTERS).map((counter) => counter.key) };
  if (state.tenant && !state.vm) state = { ...state, vm: controls.vm.value };
  // What is chosen for who did not choose is shared by the URL as well.
  if (comparing) history.replaceState(null, "", write(state));
  const minutes = minutesOf(state);
  const custom = /** @type {[string, string][]} */ (
    state.start ? [["", `${clock(state.start, state.utc, true)} – ${clock(state.end, state.utc)}`]] : []
  );
  const other = RANGES.some(([each]) => each === state.minutes) ? [] : [[String(state.minutes), `last ${lasting(state.minutes)}`]];
  const ranges = RANGES.map(([each, text]) => /** @type {[string, string]} */ ([String(each), text]));
  fill(controls.range, [...custom, ...ranges, .../** @type {[string, string][]} */ (other)], state.start ? "" : String(state.minutes));
  const least = fitting(minutes, width());
  const fit = INTERVALS.filter((interval) => interval >= least && interval <= Math.max(minutes, 1));
  fill(controls.interval, [["0", `automatic (${lasting(intervalOf({ ...state, interval: 0 }, width()))})`], ...fit.map((each) => /** @type {[string, string]} */ ([String(each), lasting(each)]))], String(state.interval));
  fill(controls.zone, [["", `local (${zoneName(false)})`], ["utc", "UTC"]], state.utc ? "utc" : "");
  controls.by.value = state.by;
  controls.sort.value = state.sort;
  if (controls.search !== document.activeElement) controls.search.value = state.search;
  controls.tenant.value = state.tenant;
  controls.vm.value = state.vm;
  controls.vm.disabled = !state.tenant;
  const more = counters.filter((counter) => !state.keys.includes(counter.key));
  fill(controls.add, [["", "add a counter …"], ...more.map(({ key, title, group }) => /** @type {[string, string, string]} */ ([key, title, group]))], "");
  for (const view of ["fleet", "compare"]) {
    const link = byId(`to-${view}`);
    link.href = write({ ...state, view: view === "fleet" ? "fleet" : "compare", keys: view === "fleet" ? [] : state.keys });
    link.toggleAttribute("aria-current", view === state.view);
    byId(view).hidden = view !== state.view;
    for (const element of document.querySelectorAll(`.for-${view}`)) /** @type {HTMLElement} */ (element).hidden = view !== state.view;
  }
  if (comparing) compare.layOut(counters, state);
  else fleet.layOut(counters, state);
  await refresh();
}

/** The width that a chart of this view has, in pixels. */
function width() {
  const holder = document.querySelector(state.view === "compare" ? "#compare .chart" : "#fleet .small-chart");
  return holder?.clientWidth || (state.view === "compare" ? byId("main").clientWidth - 40 : 240);
}

/** Ask anew and show. Whatever fails is said, and what is shown stays. */
async function refresh() {
  const mine = ++asked;
  const current = () => mine === asked;
  try {
    if (!counters.length) {
      await load();
      if (!counters.length) {
        showEmpty("No data has arrived yet. As soon as a SPOC has sent some, it is here.");
        say("no data yet");
        showProblem(null);
        return;
      }
      return await show();
    }
    const view = state.view === "compare" ? compare : fleet;
    const done = await view.refresh(state, current);
    if (!current()) return;
    showEmpty(done ? "" : `No counter matches “${state.search}”.`);
    if (done) {
      shownAt = Date.now();
      shownKeys = done.keys;
      showAge(done.newest);
      byId("suppressed").textContent = done.suppressed ? `As a tenant: ${done.suppressed}.` : "";
      if (state.view === "fleet" && state.sort === "change") fleet.layOut(counters, state);
    } else say("");
    showProblem(null);
  } catch (error) {
    if (current()) showProblem(error);
  } finally {
    if (current()) byId("main").setAttribute("aria-busy", "false");
  }
}

/** @param {number} newest Unix seconds, 0: nothing is in the range */
function showAge(newest) {
  if (!newest) return say("no data in this range");
  const seconds = Date.now() / 1000 - newest;
  const late = !state.start && seconds > LATE_SECONDS;
  say(`newest minute ${clock(newest, state.utc, seconds > 86_400)}, ${ago(seconds)}${late ? ": data is late" : ""}`, late);
}

/** @param {string} kind */
const fileName = (kind) => `spot-pc-insights-${state.view}-${new Date().toISOString().slice(0, 16).replace(":", "")}.${kind}`;

async function saveTable() {
  const beside = state.view === "compare" && state.tenant && state.vm;
  const shape = compare.question(state, intervalOf(state, width()));
  const question = beside ? shape : /** @type {import("./ask.js").Parameters} */ ([...rangeOf(state), ...shape.filter(([name]) => name.startsWith("aggregation"))]);
  const keys = state.view === "compare" ? state.keys : shownKeys;
  const table = await askTable(beside ? "v1/get-tenant-data" : "v1/get-data", keys, minutesOf(state), question);
  save(new Blob([table], { type: "text/csv" }), fileName("csv"));
}

async function savePicture() {
  const view = state.view === "compare" ? compare : fleet;
  const heading = `Spot PC Insights, ${controls.range.selectedOptions[0].textContent}, ${zoneName(state.utc)}, saved ${clock(Date.now() / 1000, state.utc, true)}`;
  save(await picture(heading, view.drawings()), fileName("png"));
}

/** @param {() => Promise<void>} work */
const trying = (work) => () => work().catch(showProblem);

controls.range.addEventListener("change", () => controls.range.value && go({ minutes: Number(controls.range.value), start: 0, end: 0, interval: 0 }));
controls.interval.addEventListener("change", () => go({ interval: Number(controls.interval.value) }));
controls.by.addEventListener("change", () => go({ by: controls.by.value }));
controls.zone.addEventListener("change", () => go({ utc: controls.zone.value === "utc" }));
controls.sort.addEventListener("change", () => go({ sort: controls.sort.value }));
controls.tenant.addEventListener("change", () => go({ tenant: controls.tenant.value, vm: "" }));
controls.vm.addEventListener("change", () => go({ vm: controls.vm.value }));
controls.add.addEventListener("change", () => controls.add.value && go({ keys: [...state.keys, controls.add.value] }));
controls.search.addEventListener("input", settled(() => {
  state = { ...state, search: controls.search.value.trim() };
  history.replaceState(null, "", write(state));
  show();
}, 150));
byId("controls").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
byId("save-csv").addEventListener("click", trying(saveTable));
byId("save-png").addEventListener("click", trying(savePicture));
byId("again").addEventListener("click", () => show());
byId("access").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  keepKey(byId("access-key").value);
  show();
});
document.addEventListener("click", (event) => {
  // Cards and views are links, to be opened in a new tab as well; here they change what this page shows.
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a.card, nav a");
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(read(link.search));
  scrollTo(0, 0);
});
addEventListener("popstate", () => {
  state = read(location.search);
  show();
});
addEventListener("resize", settled(() => {
  fleet.fit();
  compare.fit();
}, 100));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => refresh());
document.addEventListener("visibilitychange", () => document.hidden || Date.now() - shownAt < REFRESH_MS || refresh());
setInterval(() => document.hidden || refresh(), REFRESH_MS);
await show();
