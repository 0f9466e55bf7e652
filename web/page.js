// The page: one counter over the fleet, and one VM beside its tenant and the fleet. Knows the API and the chart library;
// keeps what is chosen in the URL, an access key (where the app asks for one) in this tab, and nothing anywhere else.
/* global uPlot */

import { ask, keepKey, NoAccess, Problem } from "./ask.js";

const REFRESH_SECONDS = 30;
const LATE_SECONDS = 20 * 60;
const POINTS = 360; // more would not be seen

/** @param {string} id */
const byId = (id) => /** @type {any} */ (document.getElementById(id));
const choice = { key: byId("key"), tenant: byId("tenant"), vm: byId("vm"), minutes: byId("minutes") };

let plot = null;
let plotted = "";
let answers = 0; // numbers requests, so that a slow answer never covers a newer one
let counters = new Map();

/** A number as a person reads it. @param {number | null | undefined} value @param {string} unit */
function written(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit.startsWith("B")) {
    const power = Math.min(4, Math.max(0, Math.floor(Math.log(Math.abs(value) || 1) / Math.log(1024))));
    return `${(value / 1024 ** power).toPrecision(3).replace(/\.?0+$/, "")} ${["", "Ki", "Mi", "Gi", "Ti"][power]}${unit}`;
  }
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits)).toLocaleString()}${unit ? ` ${unit}` : ""}`;
}

/** @param {number} timestamp Unix seconds */
const clock = (timestamp) => new Date(timestamp * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** Fill a select with [value, text, group] and keep what was chosen, where it is still there. */
function fill(select, options, chosen) {
  const groups = new Map([["", select]]);
  select.replaceChildren();
  for (const [value, text, group] of options) {
    if (!groups.has(group ?? "")) {
      const made = document.createElement("optgroup");
      made.label = group;
      select.append(made);
      groups.set(group, made);
    }
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    groups.get(group ?? "").append(option);
  }
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

/** Masked names are long; what tells them apart is at the end. @param {string} name */
const short = (name) => (name.length > 18 ? `…${name.slice(-12)}` : name);

async function fillCounters(chosen) {
  const { data } = await ask("v1/counters");
  counters = new Map(data.map((counter) => [counter.key, counter]));
  const options = data.map(({ key, title }) => [key, title === key ? key.split(".").slice(1).join(".") : title, key.split(".")[0]]);
  const first = options.find(([key]) => key === "win_cpu.percent_processor_time") ?? options[0];
  fill(choice.key, options, counters.has(chosen) ? chosen : first?.[0]);
}

async function fillTenants(chosen) {
  const { data } = await ask("v1/tenants");
  fill(choice.tenant, [["", "the whole fleet"], ...data.map(({ tenant }) => [tenant, short(tenant)])], chosen);
}

async function fillVms(chosen) {
  const tenant = choice.tenant.value;
  choice.vm.disabled = !tenant;
  const { data } = tenant ? await ask("v1/vms", { tenant }) : { data: [] };
  const named = data.map((vm) => [vm.vm, [short(vm.vm), vm.ResourcePoolName, vm.MachineSize].filter(Boolean).join(" · ")]);
  fill(choice.vm, named.length ? named : [["", "choose a tenant first"]], chosen);
}

function question() {
  const minutes = Number(choice.minutes.value);
  const interval = Math.max(1, Math.ceil(minutes / POINTS));
  const asked = { key: choice.key.value, minutes: String(minutes), aggregationInterval: String(interval) };
  if (choice.tenant.value && choice.vm.value) Object.assign(asked, { tenant: choice.tenant.value, vm: choice.vm.value });
  return asked;
}

/** Columns for the chart: times, then a column a line; minutes without data become gaps. */
function columns(answer, withVm) {
  const step = answer.aggregationInterval * 60;
  const items = new Map(answer.data.map((item) => [item.timestamp, item]));
  const times = [];
  if (answer.data.length) {
    const last = answer.data.at(-1).timestamp;
    for (let time = answer.data[0].timestamp; time < last; time += step) times.push(time);
    times.push(last);
    // The first group may be shorter than the others; then the grid is laid from the second.
    if (times.length > 1 && (last - answer.data[0].timestamp) % step) {
      times.splice(0, times.length, answer.data[0].timestamp);
      for (let time = last - Math.floor((last - times[0]) / step) * step; time <= last; time += step) times.push(time);
    }
  }
  const rows = times.map((time) => items.get(time));
  const open = (index) => !rows[index]?.final || (index + 1 < rows.length && rows[index + 1] && !rows[index + 1].final);
  const column = (value) => rows.map((item, index) => (item ? value(item, index) ?? null : null));
  const data = [
    times,
    column((item) => item.max),
    column((item) => item.min),
    column((item, index) => (item.final ? item.average : null)),
    column((item, index) => (open(index) ? item.average : null)),
  ];
  if (withVm) data.push(column((item) => item.tenantAverage), column((item) => item.PerfValue));
  return data;
}

/** The indices of points without neighbours, which no line shows. */
function alone(chart, series) {
  const values = chart.data[series];
  return values.flatMap((value, index) => (value !== null && values[index - 1] == null && values[index + 1] == null ? [index] : []));
}

function draw(answer, unit, withVm) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const data = columns(answer, withVm);
  const kind = JSON.stringify([answer.key, withVm, colour("fleet")]);
  if (plot && plotted === kind) {
    plot.setData(data);
    return;
  }
  plot?.destroy();
  const value = (_, number) => written(number, unit);
  const line = (label, name, more = {}) => ({ label, stroke: colour(name), width: 2, value, points: { show: true, size: 5, filter: alone }, ...more });
  const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
  const percent = unit === "%";
  plot = new uPlot(
    {
      width: byId("chart").clientWidth,
      height: Math.max(280, Math.min(460, window.innerHeight - 360)),
      cursor: { drag: { x: true, y: false } },
      scales: { y: { range: (_, low, high) => (percent ? [0, 100] : [Math.min(0, low ?? 0), (high || 1) * 1.05]) } },
      axes: [axis, { ...axis, size: 78, values: (_, ticks) => ticks.map((tick) => written(tick, unit)) }],
      series: [
        { label: "Time" },
        line("Fleet's greatest", "band", { width: 0 }),
        line("Fleet's least", "band", { width: 0 }),
        line("Fleet's average", "fleet"),
        line("not final yet", "fleet", { dash: [5, 4] }),
        ...(withVm ? [line("Tenant's average", "tenant"), line("This VM", "vm")] : []),
      ],
      bands: [{ series: [1, 2], fill: colour("band") }],
    },
    data,
    byId("chart"),
  );
  plotted = kind;
}

/** The newest values, large. */
function showFigures(answer, unit, withVm) {
  const item = answer.data.findLast((each) => each.final) ?? answer.data.at(-1);
  const figures = item
    ? [
        ["fleet", "Fleet's average", written(item.average, unit), `${written(item.min, unit)} to ${written(item.max, unit)}`],
        ...(withVm
          ? [
              ["tenant", "Tenant's average", written(item.tenantAverage, unit), `${written(item.tenantMin, unit)} to ${written(item.tenantMax, unit)}`],
              ["vm", "This VM", written(item.PerfValue, unit), "its own value"],
            ]
          : []),
        ["", answer.aggregationInterval > 1 ? "Samples" : "VMs", item.count.toLocaleString(), `of ${item.tenants} tenants, at ${clock(item.timestamp)}`],
      ]
    : [];
  byId("figures").replaceChildren(
    ...figures.map(([name, title, large, small]) => {
      const box = document.createElement("div");
      box.className = name;
      for (const [tag, text] of [["span", title], ["strong", large], ["span", small]]) {
        const part = document.createElement(tag);
        part.textContent = text;
        box.append(part);
      }
      return box;
    }),
  );
}

function showStatus(answer) {
  const newest = answer.data.at(-1);
  const status = byId("status");
  if (!newest) {
    status.textContent = "no data in this range";
    byId("note").textContent = "";
    return;
  }
  const age = Math.max(0, Math.round(Date.now() / 1000 - newest.timestamp));
  status.classList.toggle("late", age > LATE_SECONDS);
  status.textContent = `newest minute ${clock(newest.timestamp)}, ${age < 120 ? `${age} s` : `${Math.round(age / 60)} min`} ago`;
  const open = answer.data.filter((item) => !item.final);
  byId("note").textContent = open.length
    ? `${open.length} of ${answer.data.length} points are not final yet (dashed): data of some VMs is still awaited; the least covered holds ${Math.round(100 * Math.min(...open.map((item) => item.coverage)))} % of the VMs.`
    : "All points are final.";
}

function showProblem(problem) {
  byId("problem").hidden = !problem;
  byId("problem-text").textContent = problem?.message ?? "";
  byId("access").hidden = !(problem instanceof NoAccess);
  byId("again").hidden = problem instanceof NoAccess;
}

/** Ask and show. Whatever fails is said, and what is shown stays. */
async function refresh() {
  const mine = ++answers;
  try {
    if (!choice.key.options.length) await start();
    if (!choice.key.value) throw new Problem("No data has arrived yet.");
    const asked = question();
    const withVm = "vm" in asked;
    const answer = await ask(withVm ? "v1/get-tenant-data" : "v1/get-data", asked);
    if (mine !== answers) return;
    const { title, unit } = counters.get(asked.key) ?? { title: asked.key, unit: "" };
    byId("caption").textContent = `${title}${title === asked.key ? "" : ` (${asked.key})`}: ${withVm ? "this VM beside its tenant and the fleet" : "the fleet"}`;
    draw(answer, unit, withVm);
    showFigures(answer, unit, withVm);
    showStatus(answer);
    showProblem(null);
  } catch (error) {
    if (mine === answers) showProblem(error instanceof Problem ? error : new Problem(`Something went wrong: ${error}`));
    if (!(error instanceof Problem)) console.error(error);
  }
}

/** Fill the drop-downs by the URL. */
async function start() {
  const wanted = new URLSearchParams(location.search);
  if (wanted.has("minutes")) choice.minutes.value = wanted.get("minutes");
  if (!choice.minutes.value) choice.minutes.value = "120";
  await fillCounters(wanted.get("key"));
  await fillTenants(wanted.get("tenant"));
  await fillVms(wanted.get("vm"));
}

function remember() {
  const { key, minutes, tenant, vm } = { key: choice.key.value, minutes: choice.minutes.value, tenant: choice.tenant.value, vm: choice.vm.value };
  const chosen = new URLSearchParams({ key, minutes, ...(tenant && vm ? { tenant, vm } : {}) });
  history.pushState(null, "", `?${chosen}`);
}

byId("choice").addEventListener("change", async (event) => {
  try {
    if (event.target === choice.tenant) await fillVms(null);
  } catch (error) {
    showProblem(error);
    return;
  }
  remember();
  await refresh();
});
byId("again").addEventListener("click", refresh);
byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(byId("access-key").value);
  refresh();
});
window.addEventListener("popstate", async () => {
  await start().catch(showProblem);
  await refresh();
});
window.addEventListener("resize", () => plot?.setSize({ width: byId("chart").clientWidth, height: plot.height }));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), REFRESH_SECONDS * 1000);
await refresh();
