// The quarantine of a day by reason, and the refused inputs of one message, as text. Knows the API's quarantine.

import { ask, orProblem, Problem, send } from "../ask.js";
import { moment } from "../clock.js";
import { confirmed } from "../confirm.js";
import { html, nothing, repeat } from "../html.js";
import { tenantText } from "../names.js";
import { counted } from "../numbers.js";
import { byReason, figure, indented } from "./words.js";

const GONE = 404; // what the API answers about a message that is not in the quarantine
const MOST_PAGES = 4; // of a day are read
const MOST_INPUTS = 50; // of a message are shown
const MOST_MESSAGES = 20; // of a reason are shown

/** @typedef {import("../views/operations.js").Context} Context */
/** @typedef {{message: string, messageId: string, received: number, refused: number, reasons: Record<string, number>, provenTenant: string | null}} Message */
/** @typedef {{day: string, message: string, messageId: string, received: number, provenTenant: string | null, data: {position: number, reason: string, advice: string, input: string}[]}} Inputs */
/** @typedef {{day: string, advice: Record<string, string>, messages: Message[], more: boolean, one: Inputs | Problem | null}} Refused `one`: of the message that is looked at, a problem if it is there no more */

/** @param {{day: string, message: string}} own @returns {Promise<Refused>} */
export async function load({ day, message }) {
  if (message) {
    const one = await orProblem(ask("v1/admin/quarantine/message", [["day", day], ["message", message]]));
    if (one instanceof Problem && one.status !== GONE) throw one;
    return { day, advice: {}, messages: [], more: false, one };
  }
  /** @type {Refused} */
  const found = { day, advice: {}, messages: [], more: false, one: null };
  let page = "";
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const answer = await ask("v1/admin/quarantine", [...(day ? [/** @type {[string, string]} */ (["day", day])] : []), ...(page ? [/** @type {[string, string]} */ (["page", page])] : [])]);
    found.day = answer.day;
    Object.assign(found.advice, answer.advice);
    found.messages.push(...answer.data);
    page = answer.nextPage;
    if (!page) break;
  }
  return { ...found, more: Boolean(page) };
}

/** @param {Refused} refused @param {Context} context */
export function template(refused, context) {
  const chosen = (/** @type {Event} */ event) => {
    const day = /** @type {HTMLInputElement} */ (event.target).value;
    if (day) context.choose({ day, message: "" });
  };
  return html`<p class="day"><label for="day">Day, in UTC</label> <input id="day" type="date" required .value=${refused.day} @change=${chosen}></p>
    ${refused.one instanceof Problem ? gone(refused.day, context) : refused.one ? message(refused.one, context) : list(refused, context)}`;
}

/** @param {Refused} refused @param {Context} context */
function list({ day, advice, messages, more }, context) {
  if (!messages.length) return html`<p class="empty">Nothing is in quarantine that came on ${day}. Good.</p>`;
  return html`${more ? html`<p class="note">These are the first ${figure(messages.length)} messages of that day. There are more.</p>` : nothing}
    ${repeat(byReason(messages), (entry) => entry.reason, (entry) => reason(entry, advice[entry.reason] ?? "", day, context))}`;
}

/** @param {{reason: string, inputs: number, messages: Message[]}} entry @param {string} advice @param {string} day @param {Context} context */
function reason(entry, advice, day, context) {
  const about = `${counted(entry.inputs, "input")} in ${counted(entry.messages.length, "message")}`;
  /** @type {[string, string][]} */
  const which = [["day", day], ["reason", entry.reason]];
  return html`<section class="panel" aria-label=${entry.reason}>
    <h2>${entry.reason}</h2>
    <p><strong>${about}</strong> ${entry.inputs === 1 ? "was" : "were"} refused for this reason. What to do: ${advice}.</p>
    ${actions(which, about, context)}
    <details><summary>Messages</summary><div class="table" tabindex="0" role="region" aria-label="Messages"><table>
      <thead><tr><th scope="col">Came</th><th scope="col">Id in the queue</th><th scope="col" class="figure">Inputs refused</th><th scope="col">Signed by</th><th scope="col">Input</th></tr></thead>
      <tbody>${entry.messages.slice(0, MOST_MESSAGES).map((each) => html`<tr><td>${moment(each.received, context.utc)}</td><td>${each.messageId || "not known"}</td>
        <td class="figure">${figure(each.refused)}</td><td>${signer(each.provenTenant, context)}</td>
        <td><a href=${context.address({ day, message: each.message })}>Look at it</a></td></tr>`)}</tbody></table></div>
      ${entry.messages.length > MOST_MESSAGES ? html`<p class="note">The first ${MOST_MESSAGES} of ${figure(entry.messages.length)}.</p>` : nothing}</details>
  </section>`;
}

/** @param {string | null} tenant @param {Context} context */
const signer = (tenant, { labels }) => (tenant ? tenantText(tenant, labels) : "nobody that is known");

/** @param {string} day @param {Context} context */
const allOf = (day, context) => html`<p><a href=${context.address({ day, message: "" })}>All of ${day}</a></p>`;

/** @param {string} day @param {Context} context */
const gone = (day, context) => html`${allOf(day, context)}<p class="empty">This message is no longer in the quarantine: its input was dropped or taken.</p>`;

/** @param {Inputs} one @param {Context} context */
function message(one, context) {
  /** @type {[string, string][]} */
  const which = [["day", one.day], ["message", one.message]];
  return html`${allOf(one.day, context)}
    <section class="panel"><h2>A message that came ${moment(one.received, context.utc)}</h2>
      <p>${counted(one.data.length, "input")} of it ${one.data.length === 1 ? "is" : "are"} in quarantine. Signed by: ${signer(one.provenTenant, context)}.</p>
      ${one.provenTenant ? actions(which, "this message", context) : vouching(which, context)}</section>
    <ol class="inputs">${one.data.slice(0, MOST_INPUTS).map((each) => html`<li class="panel">
      <h3>Input ${each.position + 1} of the message: ${each.reason}</h3><p>What to do: ${each.advice}.</p>
      <pre tabindex="0" aria-label="The input as it came">${indented(each.input)}</pre></li>`)}</ol>
    ${one.data.length > MOST_INPUTS ? html`<p class="note">The first ${MOST_INPUTS} of ${figure(one.data.length)}.</p>` : nothing}`;
}

/** Actions on a message whose tenant is not known: an operator may say whose it is. @param {[string, string][]} which @param {Context} context */
function vouching(which, context) {
  const chosen = () => /** @type {HTMLSelectElement} */ (document.getElementById("vouched")).value;
  return html`<p><label for="vouched">Take it as signed by</label> <select id="vouched"><option value="">nobody: as it is</option>
      ${context.tenants.map((tenant) => html`<option value=${tenant}>${tenantText(tenant, context.labels)}</option>`)}</select>
      <span class="note">You vouch for it: look at the inputs first.</span></p>
    ${actions(which, "this message", context, () => (chosen() ? [["tenant", chosen()]] : []))}`;
}

/** @param {[string, string][]} which @param {string} about @param {Context} context @param {() => [string, string][]} [more] */
function actions(which, about, { act, leave }, more = () => []) {
  const run = (/** @type {string} */ what, /** @type {[string, string][]} */ parameters, /** @type {string} */ said) => act(async () => {
    await send("POST", `v1/admin/quarantine/${what}`, parameters);
    leave(new URLSearchParams(which).get("message") ?? ""); // it is about to leave the quarantine
    return said;
  });
  const again = async () => (await confirmed("Try it again?", `${about}: what is taken now leaves the quarantine; the rest stays, with the reason that holds now.`, "Try again"))
    && run("reingest", [...which, ...more()], "The input is tried again. “Running” shows how far that is.");
  const drop = async () => (await confirmed("Drop it?", `${about}: the refused input is removed for good.`, "Drop")) && run("drop", which, "The input is being dropped. “Running” shows how far that is.");
  return html`<div class="buttons"><button type="button" @click=${again}>Try again</button><button type="button" @click=${drop}>Drop</button></div>`;
}
