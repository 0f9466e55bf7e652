// The operations that run, and those that have ended. Knows the API's operations, not how they are laid out in the page.

import { ask, send } from "../ask.js";
import { ago, moment } from "../clock.js";
import { confirmed } from "../confirm.js";
import { html, nothing, repeat } from "../html.js";
import { tenantText } from "../names.js";
import { commandText, figure, figuresText, kindText } from "./words.js";

const MOST_ENDED = 50; // are shown

/** @typedef {import("../views/operations.js").Context} Context */
/** @typedef {{instance: string, kind: string, command: Record<string, unknown>, by: string, started: number, ended: number | null, state: string,
 *   figures: Record<string, number>, error: string | null, now?: {progress: {done: number, total: number, eta: string | null} | null, figures: Record<string, number>}}} Item */

/** @returns {Promise<Item[]>} those that run with their progress */
export async function load() {
  /** @type {Item[]} */
  const items = (await ask("v1/admin/operations")).data;
  await Promise.all(items.filter(({ state }) => state === "running").map(async (item) => {
    item.now = await ask(`v1/admin/operations/${item.instance}`).catch(() => undefined); // the list says that it runs; more is not known
  }));
  return items;
}

/** Whether it changes within seconds. @param {Item[]} items */
export const moves = (items) => items.some(runsNow);

/** @param {Item[]} items @param {Context} context */
export function template(items, context) {
  const [running, ended] = [items.filter(runsNow), items.filter((each) => !runsNow(each))];
  return html`
    <h2>Running now</h2>
    ${running.length ? repeat(running, instance, (each) => runs(each, context)) : html`<p class="empty">No operation runs. Rebuilds, purges and what else operators start appear here.</p>`}
    <h2>Ended</h2>
    ${ended.length ? html`<div class="table panel" tabindex="0" role="region" aria-label="Ended operations"><table>
      <thead><tr><th scope="col">What</th><th scope="col">Result</th><th scope="col">Started</th><th scope="col">By</th></tr></thead>
      <tbody>${repeat(ended.slice(0, MOST_ENDED), instance, (each) => has(each, context))}</tbody></table></div>
      ${ended.length > MOST_ENDED ? html`<p class="note">The newest ${MOST_ENDED} of ${figure(ended.length)}.</p>` : nothing}`
    : html`<p class="empty">None has ended yet.</p>`}`;
}

/** What tells operations apart. @param {Item} item */
const instance = (item) => item.instance;

/** @param {Item} item */
const runsNow = ({ state }) => state === "running";

/** @param {Item} item @param {Context} context */
const command = (item, { utc, labels }) => commandText(item.command, (at) => moment(at, utc), (tenant) => tenantText(tenant, labels));

/** @param {Item} item @param {Context} context */
function runs(item, context) {
  const progress = item.now?.progress;
  const figures = figuresText(item.now?.figures ?? {});
  return html`<section class="panel operation" aria-label=${kindText(item.kind)}>
    <div><strong>${kindText(item.kind)}</strong> <span class="note">${command(item, context)}</span>
      <p class="note">Started by ${item.by}, ${ago(Date.now() / 1000 - item.started)}${figures ? `. So far: ${figures}` : ""}.</p></div>
    <div>${progress ? html`<progress aria-label="Progress" max=${progress.total} value=${progress.done}></progress>
        <p class="note">${figure(progress.done)} of ${figure(progress.total)} steps${progress.eta ? `, should be done ${moment(Date.parse(progress.eta) / 1000, context.utc)}` : ", the end can't be estimated yet"}.</p>`
      : html`<p class="note">It has not told its progress yet.</p>`}</div>
    <button type="button" @click=${() => stop(item, context)}>Stop</button>
  </section>`;
}

/** @param {Item} item @param {Context} context */
function has(item, context) {
  const good = item.state === "done";
  return html`<tr>
    <th scope="row"><strong>${kindText(item.kind)}</strong><br><span class="note">${command(item, context)}</span></th>
    <td class="wraps">${good ? "Done" : html`<strong class="bad">${item.state}</strong>`}${item.error ? `: ${item.error}` : ""}<br><span class="note">${figuresText(item.figures)}</span></td>
    <td>${moment(item.started, context.utc)}</td><td class="wraps">${item.by}</td></tr>`;
}

/** @param {Item} item @param {Context} context */
async function stop(item, context) {
  const which = [command(item, context), `started by ${item.by} ${ago(Date.now() / 1000 - item.started)}`].filter(Boolean).join(", ");
  const yes = await confirmed(`Stop “${kindText(item.kind)}”?`, `It is the one with: ${which}. What it has done stays done. The same request, sent again, does the rest.`, "Stop it");
  if (yes) {context.act(async () => {
    await send("POST", `v1/admin/operations/${item.instance}/stop`);
    return `“${kindText(item.kind)}” is told to stop. It ends within seconds.`;
  });}
}
