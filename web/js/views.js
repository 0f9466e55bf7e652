// The views: which there are, which one a URL asks for, and how each is loaded, which is when it is first shown. Does not know
// what a view shows.

import { Problem } from "./ask.js";

/**
 * @typedef {import("./view.js").View<any>} View
 * @typedef {import("./view.js").Host} Host
 */

/**
 * A new view needs a file in views/, one in css/, and a line here.
 * @type {{name: string, title: string, load: (host: Host) => Promise<View>}[]}
 */
export const VIEWS = [
  { name: "now", title: "Now", load: async (host) => new (await import("./views/now.js")).Now(host) },
  { name: "fleet", title: "Fleet", load: async (host) => new (await import("./views/fleet.js")).Fleet(host) },
  { name: "where", title: "Where", load: async (host) => new (await import("./views/where.js")).Where(host) },
  { name: "vms", title: "VMs", load: async (host) => new (await import("./views/vms.js")).Vms(host) },
  { name: "vm", title: "VM", load: async (host) => new (await import("./views/vm.js")).Vm(host) },
  { name: "ahead", title: "Ahead", load: async (host) => new (await import("./views/ahead.js")).Ahead(host) },
  { name: "operations", title: "Operations", load: async (host) => new (await import("./views/operations.js")).Operations(host) },
];
export const DEFAULT = "now";

/** @type {Record<string, string>} Names that views had in links of old. */
const OLD_NAMES = { compare: "vm" };

/** @type {Map<string, View>} the loaded ones, by name */
export const views = new Map();

/** The name of the view that a URL asks for. Links of old may say it by what only that view has. @param {URLSearchParams} given */
export function asksFor(given) {
  const asked = given.get("view") ?? (given.get("key") || given.get("tenant") ? "vm" : given.get("search") || given.get("sort") ? "fleet" : "");
  return VIEWS.find(({ name }) => name === (OLD_NAMES[asked] ?? asked))?.name ?? DEFAULT;
}

/** @param {string} name @param {Host} host @returns {Promise<View>} Throws Problem. */
export async function loaded(name, host) {
  const view = views.get(name) ?? (await VIEWS.find((each) => each.name === name)?.load(host).catch((error) => {
    console.warn(error);
    throw new Problem("A part of this page can't be loaded. Check your connection, and reload the page.", true);
  }));
  const known = views.get(name) ?? /** @type {View} */ (view); // it may have been loaded twice at a time
  views.set(name, known);
  return known;
}
