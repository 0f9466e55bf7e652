// Asking the API: an access key, where one is asked for, is kept in this tab and nowhere else, and sent in a header only.

const ACCESS_KEY = "accessKey";

/** A failure in words for people. */
export class Problem extends Error {}
/** The API wants to know who asks, or has not enough trust in who does. */
export class NoAccess extends Problem {}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem(ACCESS_KEY, key.trim());
}

/** Ask the API. @param {string} path @param {Record<string, string>} parameters */
export async function ask(path, parameters = {}) {
  let response;
  try {
    const key = sessionStorage.getItem(ACCESS_KEY);
    const headers = { Accept: "application/json", ...(key ? { "x-functions-key": key } : {}) };
    // no-cache: what the browser has is asked after, and comes again only if it changed.
    response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { headers, cache: "no-cache" });
  } catch {
    throw new Problem("The server can't be reached.");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  if (response.status === 401) throw new NoAccess("This needs an access key, which the operator has.");
  if (response.status === 403) throw new NoAccess(body?.detail ?? "This key does not give access to this.");
  throw new Problem(body?.detail ?? `The server's answer (${response.status}) can't be read.`);
}

