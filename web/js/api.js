// The page that shows the OpenAPI document: contents, operations with an example and its answer, and the types of answers.
// Knows OpenAPI, and where this app lists its counters, tenants and VMs. Runs only examples that ask, never those that change.

import { askForKey, offer, storedKey } from "./access.js";
import { ask, NoAccess, send } from "./ask.js";
import { byId, made } from "./elements.js";
import { address, curl, readable, requestOf } from "./examples.js";
import { answers, fields, parameters } from "./schemas.js";
import { LOCALES } from "./locale.js";

/** @typedef {import("./schemas.js").Described} Described */
/** @typedef {{path: string, method: string, described: Described}} Operation */

/** @type {Record<string, string>} */
const CALLERS = { operator: "operators", tenant: "tenants' people", machine: "programs", anybody: "anybody, without a key" };
const COPIED_MS = 2_000; // for how long a button says so
const WIDE = matchMedia("(min-width: 64rem)"); // as in api.css: the contents stand beside the text

/** What of this app examples can name. What the caller may not list stays unknown. @returns {Promise<import("./examples.js").Here>} */
async function whatIsHere() {
  const now = Math.floor(Date.now() / 1000);
  const rows = async (/** @type {string} */ path, /** @type {[string, string][]} */ asked = []) => (await ask(path, asked).catch(() => ({ data: [] }))).data;
  const [me, counters, tenants] = await Promise.all([ask("/v1/me").catch(() => ({})), rows("/v1/counters"), rows("/v1/tenants")]);
  const tenant = me.tenant ?? tenants[0]?.tenant;
  const [vms, quarantined, operations] = await Promise.all([
    tenant ? rows("/v1/vms", [["tenant", tenant]]) : [],
    me.role === "operator" ? rows("/v1/admin/quarantine") : [],
    me.role === "operator" ? rows("/v1/admin/operations") : [],
  ]);
  return {
    now, role: me.role, tenant, vm: vms[0]?.vm, day: new Date(now * 1000).toISOString().slice(0, 10), confined: Boolean(me.tenant),
    keys: counters.length ? counters.map((/** @type {Described} */ each) => each.key) : undefined,
    message: quarantined[0]?.message, instance: operations.find((/** @type {Described} */ each) => each.state === "running")?.instance,
  };
}

/** @param {string} text */
function copied(text) {
  const button = made("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Select the text";
    setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
  });
  return button;
}

/** How a program says who calls, if it must here. @param {Described} described */
function header(described) {
  const scheme = Object.keys(described.security[0] ?? {})[0];
  if (scheme === "signIn") return "Authorization: Bearer TOKEN";
  return scheme === "key" && storedKey() ? "x-functions-key: KEY" : "";
}

/** Whether the caller may ask, as far as the page knows. @param {Described} described @param {string} [role] */
const may = (described, role) => !role || described["x-callers"].some((/** @type {string} */ each) => each === role || each === "anybody");

/** The example of an operation. @param {Operation} operation @param {import("./examples.js").Here} here */
function example({ path, method, described }, here) {
  const asks = method === "GET";
  const request = requestOf(path, described, here, asks);
  const line = curl(method, location.origin, request, header(described));
  /** @type {HTMLElement[]} */
  const parts = [made("div", { class: "line" }, made("code", {}, line), copied(line))];
  if (!asks) parts.push(...notRun(described, request));
  else if (!may(described, here.role)) parts.push(made("p", { class: "note" }, `You may not ask this: you are signed in as one of ${CALLERS[here.role ?? ""]}. Somebody whom it is for can.`));
  else if (request.missing.length) parts.push(made("p", { class: "note" }, "This app has none of this now, so this request would find nothing. It shows the form only."));
  else parts.push(...runs(request));
  return made("div", { class: "example" }, made("h4", {}, "Example"), ...parts);
}

/** @param {Described} described @param {import("./examples.js").Request} request @returns {HTMLElement[]} */
function notRun(described, request) {
  const answer = Object.values(described.responses).flatMap((/** @type {Described} */ each) => Object.values(each.content ?? {})).find((/** @type {Described} */ each) => each.example);
  return [
    made("p", { class: "note" }, `This changes something, so the page does not run it. ${request.bytes ? "The file “message” holds one signed message. " : ""}It answers, for example:`),
    made("pre", { tabindex: "0", "aria-label": "An example answer" }, readable(JSON.stringify(answer?.example ?? null)).text),
  ];
}

/** @param {import("./examples.js").Request} request @returns {HTMLElement[]} */
function runs(request) {
  const button = made("button", { type: "button" }, "Show this app's answer");
  const said = made("p", { class: "note", role: "status" });
  const shown = made("pre", { tabindex: "0", "aria-label": "This app's answer", hidden: "" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "Asking …";
    try {
      const answer = await send("GET", request.path, request.parameters);
      const whole = await answer.text();
      const { text, cut } = readable(whole);
      said.replaceChildren(`Status ${answer.status}, ${whole.length.toLocaleString(LOCALES)} characters. `, ...(cut ? ["Shortened here: ", made("a", { href: address(request) }, "the whole answer"), "."] : []));
      shown.textContent = text;
      shown.hidden = false;
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
      shown.hidden = true;
    }
    button.disabled = false;
  });
  return [button, said, shown];
}

/** @param {Operation} operation @param {import("./examples.js").Here} here */
function shown(operation, here) {
  const { path, method, described } = operation;
  return made("article", { id: described.operationId },
    made("h3", {}, made("a", { href: `#${described.operationId}` }, made("code", {}, `${method} ${path}`))),
    made("p", {}, described.summary),
    made("p", { class: "note" }, `For ${described["x-callers"].map((/** @type {string} */ each) => CALLERS[each] ?? each).join(", ")}.`),
    example(operation, here),
    ...parameters(described),
    made("details", {}, made("summary", {}, "Statuses and types"), answers(described)),
  );
}

/** @param {Described} api @returns {[Described, Operation[]][]} the groups with their operations */
function groups(api) {
  const all = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(/** @type {Described} */ (methods)).map(([method, described]) => ({ path, method: method.toUpperCase(), described })));
  return api.tags.map((/** @type {Described} */ tag) => [tag, all.filter(({ described }) => described.tags.includes(tag.name))]);
}

/** @param {[Described, Operation[]][]} all */
function contents(all) {
  const item = (/** @type {Operation} */ { path, method, described }) =>
    made("li", {}, made("a", { href: `#${described.operationId}` }, `${method === "GET" ? "" : `${method} `}${path.replace("/v1/", "")}`));
  return all.flatMap(([tag, operations]) => [made("h2", {}, tag.name), made("ul", {}, ...operations.map(item))]);
}

async function show() {
  try {
    const [api, here] = await Promise.all([ask("/v1/openapi.json"), whatIsHere()]);
    byId("problem").hidden = true;
    const all = groups(api);
    byId("about").textContent = api.info.description;
    byId("contents-list").replaceChildren(...contents(all), made("h2", {}, made("a", { href: "#all-types" }, "Types in the answers")));
    byId("all-operations").replaceChildren(
      ...all.flatMap(([tag, operations]) => [made("h2", {}, tag.name), made("p", {}, tag.description), ...operations.map((each) => shown(each, here))]));
    byId("all-types").replaceChildren(made("h2", {}, "Types in the answers"),
      ...Object.entries(api.components.schemas).map(([name, described]) =>
        made("article", { id: name }, made("h3", {}, made("code", {}, name)), made("p", {}, described.description ?? ""), fields(described))));
    byId("columns").hidden = false;
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } catch (error) {
    byId("problem").hidden = false;
    byId("problem-text").textContent = /** @type {Error} */ (error).message;
    offer(error instanceof NoAccess ? error.way : null);
    byId("again").hidden = error instanceof NoAccess;
  }
}

const besides = () => (byId("contents").open = WIDE.matches);
WIDE.addEventListener("change", besides);
besides();
byId("again").addEventListener("click", show);
askForKey(show);
await show();
