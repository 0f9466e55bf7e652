// Says why there is no data, or no newer data: all that came was refused. Knows the words. Does not know when to ask.

import { ask } from "./ask.js";
import { isOperator, tellWho } from "./who.js";
import { LOCALES } from "./locale.js";

const MOST_REASONS = 3;

/** @typedef {{since: number | null, inputs: number, reasons: {reason: string, count: number, advice: string}[]}} OnlyRefused */

/** @returns {Promise<string>} empty: not all was refused, or the caller is no operator, who alone may know */
export async function whyRefused() {
  await tellWho();
  if (!isOperator()) return "";
  /** @type {OnlyRefused | null} */
  const refused = await ask("v1/status").then(({ onlyRefused }) => onlyRefused, () => null); // the charts are shown all the same
  if (!refused) return "";
  const { inputs, reasons } = refused;
  const beginning = refused.since === null ? "Nothing has been accepted yet: " : "Nothing newer has been accepted: ";
  const all = inputs === 1 ? "the only input that came was refused." : `all ${inputs.toLocaleString(LOCALES)} inputs that came were refused.`;
  const why = reasons.slice(0, MOST_REASONS).map(({ reason, count, advice }) => `${count.toLocaleString(LOCALES)} × “${reason}”. What to do: ${advice}.`);
  return [beginning + all, ...why].join(" ");
}
