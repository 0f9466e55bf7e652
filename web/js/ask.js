// Asks the API. Sends an access key only in a header. Knows HTTP and the API's shapes. Does not know what is shown.

import { storedKey } from "./access.js";
import { bearer, EMBEDDED } from "./embedded.js";

const MOST_KEYS = 100; // per request: the API's limit
const MOST_ROWS = 100_800; // minutes per request, summed over its counters: the API's limit
export const MOST_WINDOWS = 96; // of a range that is compared with another: the API's limit
export const MOST_SUMMARIES = 2_000; // counters times windows of both ranges, of the fleet: the API's limit
const PATIENCE_MS = 30_000; // for an answer
const KEEP_MS = 900_000;
const PING_PATIENCE_MS = 4_000; // for a sign of life

/**
 * @typedef {{key: string, title: string, unit: string, group: string, newest: number, rule: "avg" | "sum" | "min" | "max",
 *   worse: "high" | "low" | "none"}} Counter `rule`: how minutes make the value of a window. `worse`: the bad direction
 * @typedef {{timestamp: number, PerfType: string, PerfName: string, average: number | null, PerfValue: number | null,
 *   count: number | null, tenants: number | null, min: number | null, max: number | null, coverage: number | null,
 *   final: boolean, suppressed: string | null, tenantAverage?: number | null,
 *   expected?: number | null, low?: number | null, high?: number | null}} Item a point of a chart
 * @typedef {{key: string, history: number, timeZone: string, reason: string | null}} Baseline from what it is known what is usual
 * @typedef {{start: number, end: number, suppressed: string | null, data: Item[], baselines?: Baseline[]}} Answer
 * @typedef {[string, string][]} Parameters names and values, names may repeat
 */

/** A failure in words for people. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {boolean} [passing] whether it may pass in a few seconds, so that another request helps
   * @param {number} [status] of the answer in HTTP; 0: there was none that says so
   */
  constructor(message, passing = false, status = 0) {
    super(message);
    this.passing = passing;
    this.status = status;
  }
}

/** The API needs to know the caller, or does not allow the request to this caller. */
export class NoAccess extends Problem {
  /** @param {string} message @param {import("./access.js").Way} way what would help */
  constructor(message, way) {
    super(message);
    this.way = way;
  }
}

/**
 * @param {string} path @param {Parameters} parameters @param {string} accept @param {number} [patience] milliseconds
 * @param {RequestInit} [how] the method and the body, if it does not only ask
 */
async function response(path, parameters, accept, patience = PATIENCE_MS, how = {}) {
  const [key, token] = [EMBEDDED ? null : storedKey(), bearer()];
  const headers = { Accept: accept, ...(how.body ? { "Content-Type": "application/json" } : {}), ...(key ? { "x-functions-key": key } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const credentials = EMBEDDED ? "omit" : "same-origin"; // what the portal hands over counts, and no cookie
  let answer;
  try {
    // no-cache: the browser asks whether its copy is still right, and loads the answer again only if it is not.
    answer = await fetch(`${path}?${new URLSearchParams(parameters)}`, { ...how, headers, credentials, cache: "no-cache", signal: AbortSignal.timeout(patience) });
  } catch (error) {
    const silent = error instanceof DOMException && error.name === "TimeoutError";
    throw new Problem(`The server ${silent ? "does not answer" : "can't be reached"}. Check your connection; if other sites work, tell the operator.`, true);
  }
  if (answer.ok) return answer;
  if (EMBEDDED && answer.status === 401) throw new NoAccess("The page around this one has not handed over a token, or it has expired.", "by the portal");
  const detail = (await answer.json().catch(() => null))?.detail;
  if (answer.status === 401 && answer.headers.has("WWW-Authenticate")) throw new NoAccess("You are not signed in, or your sign-in has expired.", "sign in");
  if (answer.status === 401) throw new NoAccess(key ? "This access key is not valid. The operator has the right one." : "An access key is needed. The operator has it.", "key");
  if (answer.status === 403) throw new NoAccess(`You have no access to this: ${detail ?? "the operator can change that"}.`, "as somebody else");
  throw new Problem(detail ? `The server could not answer: ${detail}.` : `The server failed (status ${answer.status}). If it stays so, tell the operator.`, answer.status >= 500, answer.status);
}

/** @param {string} path @param {Parameters} [parameters] @returns {Promise<any>} */
export async function ask(path, parameters = []) {
  const answer = await response(path, parameters, "application/json");
  return answer.json().catch(() => {
    throw new Problem("The server's answer can't be read. If it stays so, tell the operator.", true);
  });
}

/**
 * Send a request of any method, and give its answer as it came. Fails as `ask` does.
 * @param {string} method @param {string} path @param {Parameters} [parameters] in the URL @param {object} [body] sent as JSON
 */
export const send = (method, path, parameters = [], body) =>
  response(path, parameters, "application/json", PATIENCE_MS, { method, ...(body ? { body: JSON.stringify(body) } : {}) });

/** @type {Map<string, {at: number, answer: Promise<any>}>} */
const kept = new Map();

/** Ask for what is learned twice a day, and for a quarter of an hour not again. @param {string} path @param {Parameters} parameters @returns {Promise<any>} */
export function askKept(path, parameters) {
  const [question, now] = [`${path}?${new URLSearchParams(parameters)}`, Date.now()];
  for (const [each, { at }] of kept) if (now - at >= KEEP_MS) kept.delete(each);
  const found = kept.get(question);
  if (found) return found.answer;
  const answer = ask(path, parameters);
  kept.set(question, { at: now, answer });
  answer.catch(() => kept.delete(question));
  return answer;
}

/**
 * An answer, or why there is none, for a part of a view: what fails there leaves the others as they are. What fails for
 * everything, or passes soon, is thrown.
 * @template Answer @param {Promise<Answer>} asked @returns {Promise<Answer | Problem>}
 */
export const orProblem = (asked) => asked.catch((error) => {
  if (!(error instanceof Problem) || error.passing || (error instanceof NoAccess && error.way !== "as somebody else")) throw error;
  return error;
});

/** Ask for a file to save. @param {string} path @param {Parameters} parameters @param {string} accept its type */
export const askFile = async (path, parameters, accept) => (await response(path, parameters, accept)).blob();

/** Ask for a sign of life. Throws a Problem if none comes soon. */
export const ping = () => response("v1/health", [], "application/json", PING_PATIENCE_MS);

/** How many counters fit into one request. @param {number} minutes */
const keysAtOnce = (minutes) => Math.max(1, Math.min(MOST_KEYS, Math.floor(MOST_ROWS / Math.max(1, minutes))));

/** Parameters for some counters at a time. @param {string[]} keys @param {number} minutes @param {Parameters} parameters */
function* portions(keys, minutes, parameters) {
  const size = keysAtOnce(minutes);
  for (let first = 0; first < keys.length; first += size) {
    yield /** @type {Parameters} */ ([...keys.slice(first, first + size).map((key) => ["key", key]), ...parameters]);
  }
}

/**
 * Ask for charts of counters, in as few requests as possible.
 * @param {string} path @param {string[]} keys @param {number} minutes how long the range is @param {Parameters} parameters
 * @returns {Promise<{items: Map<string, Item[]>, baselines: Map<string, Baseline>, start: number, end: number, suppressed: string | null}>}
 *   points by counter, from the first existing one to the end of the range
 */
export async function askCharts(path, keys, minutes, parameters) {
  /** @type {Answer[]} */
  const answers = await Promise.all([...portions(keys, minutes, parameters)].map((each) => ask(path, each)));
  const items = new Map(keys.map((key) => [key, /** @type {Item[]} */ ([])]));
  for (const item of answers.flatMap((answer) => answer.data)) items.get(`${item.PerfType}.${item.PerfName}`)?.push(item);
  const firsts = [...items.values()].flatMap((each) => each[0]?.timestamp ?? []);
  return {
    items,
    baselines: new Map(answers.flatMap((answer) => answer.baselines ?? []).map((each) => [each.key, each])),
    start: Math.min(...(firsts.length ? firsts : answers.map((answer) => answer.start))),
    end: Math.max(...answers.map((answer) => answer.end)),
    suppressed: answers[0]?.suppressed ?? null,
  };
}

/**
 * Ask for the same points as one table.
 * @param {string} path @param {string[]} keys @param {number} minutes @param {Parameters} parameters
 * @param {(counters: number) => void} progress the number of counters received so far @returns {Promise<Blob>}
 */
export async function askTable(path, keys, minutes, parameters, progress) {
  const parts = [];
  for (const each of portions(keys, minutes, parameters)) {
    const part = await (await response(path, each, "text/csv")).text();
    parts.push(parts.length ? part.slice(part.indexOf("\n") + 1) : part); // one line of headings
    progress(Math.min(keys.length, parts.length * keysAtOnce(minutes)));
  }
  return new Blob(parts, { type: "text/csv" });
}
