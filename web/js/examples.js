// Makes requests of the examples in the OpenAPI document: with this app's own names and times, as a URL and for curl; and
// shortens answers to what can be read. Knows OpenAPI, and which parameters name things of an app. Does not ask anything.

const HOUR = 3_600; // seconds: how long the range of an example is
const MOST_ROWS = 3; // of a list are shown
const MOST_LINES = 80; // of an answer are shown

/**
 * @typedef {any} Described a part of an OpenAPI document
 * @typedef {{keys?: string[], tenant?: string, vm?: string, day?: string, message?: string, instance?: string, now: number, role?: string, confined?: boolean}} Here
 *   what this app has, as far as that is known; confined: the caller is one tenant's
 * @typedef {{path: string, parameters: [string, string][], body: string | null, bytes: boolean, missing: string[]}} Request
 *   missing: what this app would need for the request to find anything
 */

/** The counter of an example, if the app has it; else one of the same kind, else any. @param {string} key @param {string[]} keys */
const counter = (key, keys) => (keys.includes(key) ? key : (keys.find((each) => each.startsWith(key.split(".")[0] ?? "")) ?? keys[0] ?? key));

/** @param {string} name @param {Described} example @param {Here} here @returns {Described} the value of this app; undefined: it has none */
function own(name, example, here) {
  switch (name) {
    case "key": return here.keys && [example].flat().map((key) => counter(key, here.keys ?? []));
    case "tenant": return here.tenant;
    case "vm": return here.vm;
    case "day": return here.day;
    case "message": return here.message;
    case "instance": return here.instance;
    case "start": return String(here.now - HOUR);
    case "end": return String(here.now);
    default: return example;
  }
}

/**
 * The request of an operation's example. One that changes something keeps the document's names, so that nobody runs it by mistake.
 * @param {string} path @param {Described} described @param {Here} here @param {boolean} asks whether it only asks @returns {Request}
 */
export function requestOf(path, described, here, asks) {
  const missing = [];
  /** @type {[string, string][]} */
  const parameters = [];
  for (const { name, in: place, example } of described.parameters) {
    const wanted = example !== undefined || (name === "tenant" && here.confined && asks);
    if (!wanted) continue;
    const found = asks ? own(name, example, here) : example;
    if (found === undefined) missing.push(name);
    const values = [found ?? example ?? ""].flat().map(String);
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(values[0] ?? ""));
    else parameters.push(...values.map((value) => /** @type {[string, string]} */ ([name, value])));
  }
  const content = described.requestBody?.content ?? {};
  const example = content["application/json"]?.example;
  return { path, parameters, body: example ? JSON.stringify(example) : null, bytes: "application/octet-stream" in content, missing };
}

/** @param {Request} request */
export function address({ path, parameters }) {
  const query = String(new URLSearchParams(parameters));
  return query ? `${path}?${query}` : path;
}

/** In a shell's quotes. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The request as a line for a shell.
 * @param {string} method @param {string} origin @param {Request} request @param {string} header how the caller is known; empty: not at all
 */
export function curl(method, origin, request, header) {
  return [
    "curl",
    ...(method === "GET" ? [] : ["-X", method]),
    quoted(origin + address(request)),
    ...(header ? ["-H", quoted(header)] : []),
    ...(request.body ? ["-H", quoted("Content-Type: application/json"), "-d", quoted(request.body)] : []),
    ...(request.bytes ? ["--data-binary", "@message"] : []),
  ].join(" ");
}

/** A value with at most a few rows of each list, and a row that says how many more there are. @param {Described} value @returns {Described} */
function fewer(value) {
  if (Array.isArray(value)) {
    const rows = value.slice(0, MOST_ROWS).map(fewer);
    return value.length > MOST_ROWS ? [...rows, `… and ${value.length - MOST_ROWS} more`] : rows;
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fewer(each)]));
}

/**
 * An answer, so short that it can be read.
 * @param {string} text @returns {{text: string, cut: boolean}}
 */
export function readable(text) {
  let shown = text;
  try {
    const whole = JSON.parse(text);
    shown = JSON.stringify(fewer(whole), null, 2);
    const lines = shown.split("\n");
    const cut = shown !== JSON.stringify(whole, null, 2) || lines.length > MOST_LINES;
    return { text: lines.slice(0, MOST_LINES).join("\n"), cut };
  } catch {
    const lines = shown.trimEnd().split("\n"); // it is no JSON
    return { text: lines.slice(0, MOST_LINES / 4).join("\n"), cut: lines.length > MOST_LINES / 4 };
  }
}
