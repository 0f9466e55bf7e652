// Asking the API. An access key, where one is asked for, is kept in this tab and nowhere else, and sent in a header only.
// Knows HTTP and the API's shapes; refuses to know what is shown.

const ACCESS_KEY = "accessKey";
const MOST_KEYS = 100; // of one request, as the API has it
const MOST_ROWS = 100_800; // minutes of all counters of one request, as the API has it

/**
 * @typedef {{key: string, title: string, unit: string, group: string, newest: number}} Counter
 * @typedef {{timestamp: number, PerfType: string, PerfName: string, average: number | null, PerfValue: number | null,
 *   count: number | null, tenants: number | null, min: number | null, max: number | null, coverage: number | null,
 *   final: boolean, suppressed: string | null, tenantAverage?: number | null}} Item a point of a chart
 * @typedef {{start: number, end: number, suppressed: string | null, data: Item[]}} Answer
 * @typedef {[string, string][]} Parameters names and values, names may repeat
 */

/** A failure in words for people. */
export class Problem extends Error {}

/** The API wants to know who asks, or has not enough trust in who does. */
export class NoAccess extends Problem {
  /** @param {string} message @param {boolean} signIn whether signing in would help, and not a key */
  constructor(message, signIn) {
    super(message);
    this.signIn = signIn;
  }
}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem(ACCESS_KEY, key.trim());
}

/** @param {string} path @param {Parameters} parameters @param {string} accept */
async function response(path, parameters, accept) {
  const key = sessionStorage.getItem(ACCESS_KEY);
  const headers = { Accept: accept, ...(key ? { "x-functions-key": key } : {}) };
  let answer;
  try {
    // no-cache: what the browser has is asked after, and comes again only if it changed.
    answer = await fetch(`${path}?${new URLSearchParams(parameters)}`, { headers, cache: "no-cache" });
  } catch {
    throw new Problem("The server can't be reached.");
  }
  if (answer.ok) return answer;
  const detail = (await answer.json().catch(() => null))?.detail;
  if (answer.status === 401 && answer.headers.has("WWW-Authenticate")) throw new NoAccess("You are not signed in, or no longer.", true);
  if (answer.status === 401) throw new NoAccess("This needs an access key, which the operator has.", false);
  if (answer.status === 403) throw new NoAccess(`You have no access to this: ${detail ?? "the operator can change that"}.`, true);
  throw new Problem(detail ?? `The server's answer (${answer.status}) can't be read.`);
}

/** @param {string} path @param {Parameters} [parameters] @returns {Promise<any>} */
export async function ask(path, parameters = []) {
  const answer = await response(path, parameters, "application/json");
  return answer.json().catch(() => {
    throw new Problem("The server's answer can't be read.");
  });
}

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
 * Ask for charts of counters: in as few requests as they fit in.
 * @param {string} path @param {string[]} keys @param {number} minutes how long the range is @param {Parameters} parameters
 * @returns {Promise<{items: Map<string, Item[]>, start: number, end: number, suppressed: string | null}>} points by counter,
 *   from the first that there is to the end of the range
 */
export async function askCharts(path, keys, minutes, parameters) {
  /** @type {Answer[]} */
  const answers = await Promise.all([...portions(keys, minutes, parameters)].map((each) => ask(path, each)));
  const items = new Map(keys.map((key) => [key, /** @type {Item[]} */ ([])]));
  for (const item of answers.flatMap((answer) => answer.data)) items.get(`${item.PerfType}.${item.PerfName}`)?.push(item);
  const firsts = [...items.values()].flatMap((each) => each[0]?.timestamp ?? []);
  return {
    items,
    start: Math.min(...(firsts.length ? firsts : answers.map((answer) => answer.start))),
    end: Math.max(...answers.map((answer) => answer.end)),
    suppressed: answers[0]?.suppressed ?? null,
  };
}

/** The same as one table. @param {string} path @param {string[]} keys @param {number} minutes @param {Parameters} parameters */
export async function askTable(path, keys, minutes, parameters) {
  let table = "";
  for (const each of portions(keys, minutes, parameters)) {
    const part = await (await response(path, each, "text/csv")).text();
    table += table ? part.slice(part.indexOf("\n") + 1) : part;
  }
  return table;
}
