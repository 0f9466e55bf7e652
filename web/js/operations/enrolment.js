// The tenants: how far each is, its keys, and a code for a new customer, which is shown once. Knows the API's enrolment.

import { ask, send } from "../ask.js";
import { ago, moment } from "../clock.js";
import { confirmed } from "../confirm.js";
import { html, nothing, repeat } from "../html.js";
import { short } from "../numbers.js";
import { figure, grouped } from "./words.js";

const MOST_PAGES = 10;
const COPIED_MS = 2_000; // for how long a button says so
const UNCOPIED_MS = 10_000; // for how long it says what to do instead

/** @typedef {import("../views/operations.js").Context} Context */
/** @typedef {{id: string, added: number, revoked: number | null, confirmed: boolean}} Key */
/** @typedef {{tenant: string, state: string, enrolled: boolean, label: string, contact: string, since: number | null, keys: Key[], newest: number | null,
 *   unsignedSeen: number | null, unsignedKey: string | null, codeExpires: number | null}} Tenant */
/** @typedef {Tenant & {code: string | null, packages: string | null}} Admitted */
/** @typedef {{tenants: Tenant[], more: boolean}} Enrolled */

/** @type {Admitted | null} the newest code: only the answer that drew it has it, so it is kept until the person has it */
let drawn = null;

/** @returns {Promise<Enrolled>} */
export async function load() {
  /** @type {Tenant[]} */
  const tenants = [];
  let page = "";
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const answer = await ask("v1/admin/tenants", page ? [["page", page]] : []);
    tenants.push(...answer.data);
    page = answer.nextPage;
    if (!page) break;
  }
  return { tenants, more: Boolean(page) };
}

/** @param {Enrolled} enrolled @param {Context} context */
export function template({ tenants, more }, context) {
  return html`${drawn ? code(drawn, context) : nothing}
    <section class="panel" aria-label="A new customer"><h2>A new customer</h2>
      <p class="note">Draw a code, and give it to the customer's contact. Its SPOC joins with it; then compare the key by voice and confirm it here.</p>
      ${fields("new", { label: "", contact: "" }, "Draw a code", (label, contact, form) => draw({ label, contact }, context, form))}</section>
    ${tenants.length ? repeat(tenants, ({ tenant }) => tenant, (each) => one(each, context)) : html`<p class="empty">No tenant is enrolled yet. Draw a code for the first customer above.</p>`}
    ${more ? html`<p class="note">These are the first ${figure(tenants.length)} tenants by name. There are more: ask /v1/admin/tenants.</p>` : nothing}`;
}

/** A tenant's name for people. @param {Tenant} tenant */
const name = ({ tenant, label }) => label || short(tenant);

/** @param {Admitted} admitted @param {Context} context */
function code(admitted, context) {
  const copy = async (/** @type {Event} */ event) => {
    const button = /** @type {HTMLButtonElement} */ (event.target);
    const done = await navigator.clipboard?.writeText(admitted.code ?? "").then(() => true, () => false);
    button.textContent = done ? "Copied" : "Select the code and copy it";
    setTimeout(() => (button.textContent = "Copy"), done ? COPIED_MS : UNCOPIED_MS);
  };
  const forget = () => {
    drawn = null;
    context.again();
  };
  return html`<section class="panel drawn" aria-label="The code"><h2>The code for ${name(admitted)}</h2>
    <p class="code"><code>${admitted.code}</code> <button type="button" @click=${copy}>Copy</button></p>
    <p>Nobody can see it again: copy it now. It counts until ${moment(admitted.codeExpires ?? 0, context.utc)}, once.
      ${admitted.packages ? html`The package with agent and SPOC: <a href=${admitted.packages}>${admitted.packages}</a>.` : nothing}</p>
    <button type="button" @click=${forget}>I have it: hide it</button></section>`;
}

/** @param {string} id @param {{label: string, contact: string}} now @param {string} does @param {(label: string, contact: string, form: HTMLFormElement) => void} submit */
function fields(id, now, does, submit) {
  const done = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const [label, contact] = ["label", "contact"].map((each) => /** @type {HTMLInputElement} */ (form.elements.namedItem(each)).value.trim());
    submit(label ?? "", contact ?? "", form);
  };
  return html`<form class="fields" @submit=${done}>
    <div><label for=${`label-${id}`}>What people call it</label><input id=${`label-${id}`} name="label" required maxlength="200" .value=${now.label} autocomplete="off"></div>
    <div><label for=${`contact-${id}`}>Whom to call</label><input id=${`contact-${id}`} name="contact" required maxlength="200" .value=${now.contact} autocomplete="off"></div>
    <button>${does}</button></form>`;
}

/** @param {Tenant} tenant @param {Context} context */
function one(tenant, context) {
  const calm = tenant.state === "sending";
  const unsigned = tenant.unsignedSeen && html`<p class="worse">Messages in its name came ${ago(Date.now() / 1000 - tenant.unsignedSeen)} that ${tenant.unsignedKey ? html`no enrolled key has signed, but the key ${grouped(tenant.unsignedKey)}` : "are not signed"}.</p>`;
  return html`<section class="panel tenant" aria-label=${name(tenant)}>
    <h3>${name(tenant)}</h3> <span class="note">${tenant.tenant}</span>
    <p>${calm ? tenant.state : html`<strong>${tenant.state}</strong>`}${tenant.newest ? `, newest minute ${moment(tenant.newest, context.utc)}` : ""}.
      ${tenant.contact ? `Contact: ${tenant.contact}.` : ""} ${tenant.codeExpires ? `Its code counts until ${moment(tenant.codeExpires, context.utc)}.` : ""}</p>
    ${unsigned || nothing}
    ${tenant.keys.length ? html`<ul class="keys">${repeat(tenant.keys, ({ id }) => id, (each) => key(tenant, each, context))}</ul>` : html`<p class="note">It has no key yet.</p>`}
    <details><summary>Change</summary>
      ${fields(tenant.tenant, tenant, "Save", (label, contact) => save({ tenant: tenant.tenant, label, contact }, context))}
      <div class="buttons"><button type="button" @click=${() => renew(tenant, context)}>Draw a new code</button></div></details>
  </section>`;
}

/** @param {Tenant} tenant @param {Key} key @param {Context} context */
function key(tenant, key, context) {
  const state = key.revoked ? `revoked ${moment(key.revoked, context.utc)}` : key.confirmed ? `valid, since ${moment(key.added, context.utc)}` : "awaits confirmation";
  return html`<li><span>Key <code>${grouped(key.id)}</code>, ${state}</span>
    ${key.revoked ? nothing : html`<span class="buttons">
      ${key.confirmed ? nothing : html`<button type="button" @click=${() => confirm(tenant, key, context)}>Confirm</button>`}
      <button type="button" @click=${() => revoke(tenant, key, context)}>Revoke</button></span>`}</li>`;
}

/** @param {object} said @param {Context} context @param {HTMLFormElement} [form] emptied once that is done */
const draw = (said, { act }, form) => act(async () => {
  drawn = await (await send("POST", "v1/admin/tenants", [], said)).json();
  form?.reset();
  return `The code for ${drawn && name(drawn)} is drawn.`;
});

/** @param {object} said @param {Context} context */
const save = (said, { act }) => act(async () => {
  /** @type {Admitted} */
  const answer = await (await send("POST", "v1/admin/tenants", [], said)).json();
  if (answer.code) drawn = answer; // a tenant without key and code gets one
  return `Saved: ${name(answer)}.`;
});

/** @param {Tenant} tenant @param {Context} context */
async function renew(tenant, context) {
  if (await confirmed(`Draw a new code for ${name(tenant)}?`, "A code that was drawn before counts no longer. Keys stay as they are.", "Draw it")) draw({ tenant: tenant.tenant, code: true }, context);
}

/** @param {Tenant} tenant @param {Key} key @param {Context} context */
async function confirm(tenant, { id }, { act }) {
  const yes = await confirmed(`Confirm the key of ${name(tenant)}?`, `Call ${tenant.contact || "the contact"} at the number that you know, and let them read the fingerprint to you. Confirm only if it is ${grouped(id)}.`, "It is the same: confirm");
  if (yes) {act(async () => {
    await send("POST", "v1/admin/tenants/confirm", [], { tenant: tenant.tenant, key: id });
    return `The key is confirmed: ${name(tenant)} can send.`;
  });}
}

/** @param {Tenant} tenant @param {Key} key @param {Context} context */
async function revoke(tenant, { id }, { act }) {
  const yes = await confirmed(`Revoke the key of ${name(tenant)}?`, `For good: messages signed with ${grouped(id)} are refused from then on. Its SPOC needs a new code to join again.`, "Revoke");
  if (yes) {act(async () => {
    await send("POST", "v1/admin/tenants/revoke", [], { tenant: tenant.tenant, key: id });
    return `The key of ${name(tenant)} is revoked.`;
  });}
}
