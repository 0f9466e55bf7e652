// A list of VMs as get-ranking answers it: what of it matches a search and filters, and in which order. Knows no document
// and no names of people: it gets the texts that stand for VMs.

/**
 * @typedef {{window: number, position: number, tenant: string, vm: string, PerfValue: number, rank: number | null, tenantRank: number,
 *   peerRank: number | null, Region: string | null, MachineSize: string | null, ResourcePoolName: string | null, of: number,
 *   coverage: number | null}} Ranked
 * @typedef {Ranked & {name: string, owner: string, sought: string}} Vm `name`, `owner`: the VM and its tenant for people.
 *   `sought`: all that finds it, in lower case
 * @typedef {{search: string, pool: string, region: string, size: string}} Filters empty: all
 */

const ORDER = new Intl.Collator([], { numeric: true });

/** Text for finding. @param {string[]} parts */
const folded = (...parts) => parts.join(" ").normalize().toLowerCase();

/** @param {Ranked} ranked @param {string} name @param {string} owner @returns {Vm} */
export const listed = (ranked, name, owner) => ({
  ...ranked, name, owner, sought: folded(name, ranked.vm, owner, ranked.tenant, ranked.ResourcePoolName ?? "", ranked.Region ?? "", ranked.MachineSize ?? ""),
});

/** Those that match all words of a search, and the filters. @param {Vm[]} vms @param {Filters} filters */
export function matching(vms, { search, pool, region, size }) {
  const words = folded(search).split(/\s+/).filter(Boolean);
  return vms.filter(
    (vm) =>
      (!pool || vm.ResourcePoolName === pool) && (!region || vm.Region === region) && (!size || vm.MachineSize === size) &&
      words.every((word) => vm.sought.includes(word)),
  );
}

/** @type {Record<string, (vm: Vm) => string>} what is ordered by text */
const TEXTS = {
  name: ({ name }) => name, tenant: ({ owner }) => owner, pool: ({ ResourcePoolName }) => ResourcePoolName ?? "",
  region: ({ Region }) => Region ?? "", size: ({ MachineSize }) => MachineSize ?? "",
};

/** The orders that a person can choose; empty: the worst first. */
export const SORTS = ["", "best", ...Object.keys(TEXTS)];

/** In an order; VMs that are alike in it, the worst first. @param {Vm[]} vms @param {string} sort one of SORTS @param {"high" | "low" | "none"} worse */
export function ordered(vms, sort, worse) {
  const sign = (worse === "low") === (sort === "best") ? 1 : -1;
  const byValue = (/** @type {Vm} */ one, /** @type {Vm} */ other) => sign * (other.PerfValue - one.PerfValue) || (one.vm < other.vm ? -1 : 1);
  const text = TEXTS[sort];
  return [...vms].sort((one, other) => (text ? ORDER.compare(text(one), text(other)) : 0) || byValue(one, other));
}
