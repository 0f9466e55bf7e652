// Real names of tenants and VMs, from the files that `python -m edge.agent --names` writes (docs/edge.md). Knows these files,
// keeps them in this browser, and knows how names are written. Knows no server: real names are never sent anywhere.

import { short } from "./numbers.js";

const PREFIX = "names:"; // of the stored entries: one for each tenant
const MOST_MEGABYTES = 5;
const MOST_CHARACTERS = 128; // per name: the API's limit
const ORDER = new Intl.Collator([], { numeric: true });

/** @typedef {{tenant: string, name: string, vms: Map<string, string>}} Names of one tenant; `vms`: real names by masked names */

/** Why the page rejects a file, in words for people. */
export class NotTaken extends Error {}

/** The names of a file. @param {string} text @returns {Names} Throws NotTaken. */
function parsed(text) {
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    throw new NotTaken("it is not JSON, or it is cut off");
  }
  const { tenant, name, vms } = Object(read);
  if (![tenant, name].every((each) => typeof each === "string") || typeof vms !== "object" || !vms || Array.isArray(vms)) {
    throw new NotTaken("it has no tenant, name and vms, as the files of “python -m edge.agent --names” have");
  }
  const names = { tenant, name, vms: new Map(Object.entries(vms)) };
  for (const each of [tenant, name, ...[...names.vms].flat()]) {
    const wrong = problemOf(each);
    if (wrong) throw new NotTaken(`one of its names ${wrong}: ${JSON.stringify(each).slice(0, 40)}`);
  }
  return names;
}

/** @param {unknown} name @returns {string} empty: it is a name */
function problemOf(name) {
  if (typeof name !== "string") return "is no text";
  if (!name.trim()) return "is empty";
  if ([...name].length > MOST_CHARACTERS) return `is longer than ${MOST_CHARACTERS} characters`;
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(name) ? "holds a character that can't be shown" : "";
}

/** The names stored in this browser, by tenant. Unreadable entries are left out. @returns {Map<string, Names>} */
function kept() {
  const found = new Map();
  try {
    for (const [key, text] of Object.entries(localStorage)) {
      if (!key.startsWith(PREFIX)) continue;
      try {
        const names = parsed(text);
        found.set(names.tenant, names);
      } catch (error) {
        if (!(error instanceof NotTaken)) throw error;
      }
    }
  } catch {
    // The browser does not let this page store anything.
  }
  return found;
}

let known = kept();

/** @type {(() => void)[]} */
const told = [];

/** @param {File} file @returns {Promise<string>} its text, for any byte order mark at its start. Throws NotTaken. */
async function textOf(file) {
  if (file.size > MOST_MEGABYTES * 2 ** 20) throw new NotTaken(`it is larger than ${MOST_MEGABYTES} MB`);
  const bytes = await file.arrayBuffer().catch(() => {
    throw new NotTaken("the browser can't read it");
  });
  const [first, second] = new Uint8Array(bytes);
  const encoding = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes); // which drops the mark
  } catch {
    throw new NotTaken("it is no text in UTF-8");
  }
}

/**
 * Store a file's names in this browser. They replace stored names of the same tenant.
 * @param {File} file @param {string[]} tenants those that the person sees @returns {Promise<Names>} Throws NotTaken.
 */
export async function loadNames(file, tenants) {
  const names = parsed(await textOf(file));
  if (!tenants.includes(names.tenant)) {
    throw new NotTaken(`it has the names of another tenant (${names.tenant}), of which you see no data, or was made with another masking key`);
  }
  try {
    localStorage.setItem(PREFIX + names.tenant, JSON.stringify({ ...names, vms: Object.fromEntries(names.vms) }));
  } catch {
    throw new NotTaken("the browser has no room for it, or lets this page keep nothing. Forget other names, or allow this page to store data");
  }
  known.set(names.tenant, names);
  tell();
  return names;
}

/** Remove all names from this browser. */
export function forgetNames() {
  for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  known.clear();
  tell();
}

/** Call when names were loaded or forgotten, here or in another tab. @param {() => void} changed */
export const onNames = (changed) => void told.push(changed);

function tell() {
  for (const changed of told) changed();
}

addEventListener("storage", ({ key }) => {
  if (key !== null && !key.startsWith(PREFIX)) return;
  known = kept();
  tell();
});

/** @returns {boolean} whether there is anything to forget */
export const hasNames = () => known.size > 0;

/** @param {string} tenant @returns {string | undefined} its real name */
export const tenantName = (tenant) => known.get(tenant)?.name;

/** @param {string} tenant @param {string} vm @returns {string | undefined} its real name */
export const vmName = (tenant, vm) => known.get(tenant)?.vms.get(vm);

/**
 * How to write masked names. Names for people replace them if known; these come first, sorted. No two texts are alike.
 * @param {string[]} masked @param {(masked: string) => string | undefined} nameOf @returns {Map<string, string>} texts by masked names
 */
export function texts(masked, nameOf) {
  const named = masked.filter(nameOf).sort((one, other) => ORDER.compare(nameOf(one) ?? "", nameOf(other) ?? ""));
  const all = new Map([...named, ...masked.filter((each) => !nameOf(each))].map((each) => [each, nameOf(each) ?? short(each)]));
  for (const tail of [short, (/** @type {string} */ whole) => whole]) {
    /** @type {Map<string, string[]>} */
    const alike = new Map();
    for (const [each, text] of all) {
      const look = text.trim().replace(/\s+/g, " ").toLowerCase();
      alike.set(look, alike.get(look) ?? []);
      alike.get(look)?.push(each);
    }
    for (const each of [...alike.values()].filter((some) => some.length > 1).flat()) all.set(each, `${nameOf(each) ?? ""} (${tail(each)})`.trim());
  }
  return all;
}

/** A tenant for people: the operator's label, its own name if that is loaded, or its masked name. @param {string} tenant @param {Map<string, string>} labels */
export const tenantText = (tenant, labels) => labels.get(tenant) ?? tenantName(tenant) ?? short(tenant);

/** A VM for people: its real name if that is loaded, or its masked name. @param {string} tenant @param {string} vm */
export const vmText = (tenant, vm) => vmName(tenant, vm) ?? short(vm);
