// Dead letters: messages that the queue stopped delivering. Knows the API's dead letters.

import { ask, send } from "../ask.js";
import { moment } from "../clock.js";
import { confirmed } from "../confirm.js";
import { html } from "../html.js";
import { tenantText } from "../names.js";
import { counted, written } from "../numbers.js";
import { figure } from "./words.js";

/** @typedef {import("../views/operations.js").Context} Context */
/** @typedef {{messageId: string, enqueued: number, deliveries: number | null, reason: string | null, description: string | null, bytes: number,
 *   samples: number, tenants: string[], problem: string | null}} Letter */

/** @returns {Promise<Letter[]>} */
export const load = async () => (await ask("v1/admin/dead-letters")).data;

/** @param {Letter[]} letters @param {Context} context */
export function template(letters, context) {
  if (!letters.length) return html`<p class="empty">There are no dead letters: the queue delivers every message. Good.</p>`;
  return html`<p>The queue stopped delivering ${counted(letters.length, "message")}, which failed too often. Mend what the reasons say, then resubmit: all go back into the queue.</p>
    <div class="buttons"><button type="button" @click=${() => resubmit(letters, context)}>Resubmit all</button></div>
    <div class="table panel" tabindex="0" role="region" aria-label="Dead letters"><table>
      <thead><tr><th scope="col">Came</th><th scope="col">Tenants</th><th scope="col">Why</th><th scope="col" class="figure">Samples</th><th scope="col" class="figure">Size</th><th scope="col" class="figure">Deliveries</th></tr></thead>
      <tbody>${letters.map((each) => html`<tr><td>${moment(each.enqueued, context.utc)}</td>
        <td class="wraps">${each.tenants.map((tenant) => tenantText(tenant, context.labels)).join(", ") || "not known"}</td>
        <td class="wraps">${[each.reason, each.description, each.problem && `it can't be read: ${each.problem}`].filter(Boolean).join(": ") || "not told"}</td>
        <td class="figure">${figure(each.samples)}</td><td class="figure">${written(each.bytes, "B")}</td><td class="figure">${each.deliveries ?? "not told"}</td></tr>`)}</tbody></table></div>`;
}

/** @param {Letter[]} letters @param {Context} context */
async function resubmit(letters, { act }) {
  const yes = await confirmed("Resubmit all dead letters?", `All messages that lie there now go back into the queue (${figure(letters.length)} are shown). What fails again comes back here.`, "Resubmit");
  if (yes) {act(async () => {
    await send("POST", "v1/admin/dead-letters/resubmit");
    return "The dead letters go back into the queue. “Running” shows how far that is.";
  });}
}
