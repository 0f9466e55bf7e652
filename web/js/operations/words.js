// The words for operations, their parameters and their figures. Pure. Knows no HTTP and nothing of the page.

import { LOCALES } from "../locale.js";

/** @type {Record<string, string>} */
const KINDS = {
  rebuild: "Recompute averages", "catch-up": "Catch up with averaging", purge: "Forget data", empty: "Empty the store", reingest: "Try refused input again",
  drop: "Drop refused input", resubmit: "Resubmit dead letters", learn: "Learn what is normal",
};
const MOMENTS = ["start", "end", "before"];

/** What an operation does. @param {string} kind */
export const kindText = (kind) => KINDS[kind] ?? kind;

/**
 * The parameters of an operation.
 * @param {Record<string, unknown>} command @param {(second: number) => string} moment @param {(tenant: string) => string} tenant
 */
export const commandText = (command, moment, tenant) =>
  Object.entries(command).filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) => {
      if (value === true) return spaced(name);
      return `${spaced(name)} ${MOMENTS.includes(name) && typeof value === "number" ? moment(value) : name === "tenant" ? tenant(String(value)) : value}`;
    }).join(", ");

/** What was done, in numbers. @param {Record<string, number>} figures */
export const figuresText = (figures) => Object.entries(figures).map(([name, value]) => `${figure(value)} ${spaced(name)}`).join(", ");

/** A name of the API as words. @param {string} name */
export const spaced = (name) => name.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, (_, one, other) => `${one} ${other.toLowerCase()}`);

/** A whole number. @param {number} count */
export const figure = (count) => count.toLocaleString(LOCALES);

/** The id of a key in groups of four, as people read it aloud. @param {string} id */
export const grouped = (id) => id.replace(/(.{4})(?=.)/g, "$1 ");

/**
 * Messages of the quarantine by the reasons of their inputs, the most frequent reason first.
 * @template {{reasons: Record<string, number>}} Message
 * @param {Message[]} messages @returns {{reason: string, inputs: number, messages: Message[]}[]}
 */
export function byReason(messages) {
  /** @type {Map<string, {reason: string, inputs: number, messages: Message[]}>} */
  const found = new Map();
  for (const message of messages) {
    for (const [reason, count] of Object.entries(message.reasons)) {
      const entry = found.get(reason) ?? { reason, inputs: 0, messages: [] };
      entry.inputs += count;
      entry.messages.push(message);
      found.set(reason, entry);
    }
  }
  return [...found.values()].sort((one, other) => other.inputs - one.inputs || (one.reason < other.reason ? -1 : 1));
}

/** JSON as people read it; what is no JSON stays as it is. @param {string} text */
export function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
