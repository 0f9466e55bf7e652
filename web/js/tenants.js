// The controls that choose a tenant and one of its VMs, by masked names, labels and real names. Knows how to find and
// show them. Does not know what is charted. It gives only masked names to other code.

import { fill, labelled, made, settled } from "./elements.js";
import { NO_LISTS } from "./lists.js";
import { forgetNames, hasNames, loadNames, NotTaken, onNames, tenantName, texts, vmName } from "./names.js";
import { LOCALES } from "./locale.js";

/**
 * @typedef {{tenant: string, vm: string}} Choice by masked names; empty: none
 * @typedef {[string, string][]} Choices masked names and texts
 */

/**
 * The choices with all sought words in their text or their masked name.
 * @param {Choices} choices @param {string} sought
 */
function matching(choices, sought) {
  if (!sought.trim()) return choices;
  const words = sought.trim().normalize().toLowerCase().split(/\s+/);
  return choices.filter(([masked, text]) => {
    const all = `${masked} ${text}`.normalize().toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

export class TenantControls {
  /** @param {(choice: Choice) => void} choose */
  constructor(choose) {
    this.tenant = made("select", { id: "tenant" });
    this.vm = made("select", { id: "vm" });
    this.findTenant = made("input", { id: "find-tenant", type: "search", autocomplete: "off", spellcheck: "false" });
    this.findVm = made("input", { id: "find-vm", type: "search", autocomplete: "off", spellcheck: "false" });
    this.tenantField = labelled("Find a tenant", this.findTenant);
    this.vmField = labelled("Find a VM", this.findVm);
    this.file = made("input", { id: "names", type: "file", accept: ".json,application/json", "aria-label": "File of names", hidden: "" });
    this.load = made("button", { type: "button" }, "Load names …");
    this.forget = made("button", { type: "button" }, "Forget names");
    this.said = made("span", { class: "note", role: "status" });
    const about = made("span", { class: "note" }, "Real names come from the file that “python -m edge.agent --names” wrote. They stay in this browser.");
    this.find = made("details", { class: "drop", id: "find" },
      made("summary", {}, "Find"),
      made("div", {}, this.tenantField, this.vmField, this.said, this.file, this.load, this.forget, about),
    );
    this.field = made("div", { id: "whose", class: "pair" }, labelled("Tenant", this.tenant), labelled("VM", this.vm), this.find);
    this.lists = NO_LISTS;
    /** @type {Choice} */
    this.chosen = { tenant: "", vm: "" };
    /** @type {Record<string, string>[]} those of the chosen tenant */
    this.vms = [];
    this.choose = (/** @type {Choice} */ choice) => {
      this.findTenant.value = this.findVm.value = this.said.textContent = "";
      choose(choice);
    };
    this.tenant.addEventListener("change", () => this.choose({ tenant: this.tenant.value, vm: "" }));
    this.vm.addEventListener("change", () => this.choose({ ...this.chosen, vm: this.vm.value }));
    this.finds(this.findTenant, "tenants", () => this.tenants(), (tenant) => ({ tenant, vm: "" }));
    this.finds(this.findVm, "VMs", () => this.vmChoices(), (vm) => ({ ...this.chosen, vm }));
    this.load.addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => this.take());
    this.forget.addEventListener("click", () => {
      forgetNames();
      this.said.textContent = "All real names are removed from this browser.";
      this.load.focus(); // the button with the focus disappears
    });
    onNames(() => this.fill());
  }

  /**
   * Narrow a list while people type. Enter chooses the first remaining item.
   * @param {HTMLInputElement} field @param {string} what @param {() => Choices} all @param {(masked: string) => Choice} choice
   */
  finds(field, what, all, choice) {
    const narrow = settled(() => {
      const [found, sought] = [matching(all(), field.value).length, field.value.trim()];
      this.said.textContent = sought ? `${found} of ${all().length} ${what} match “${sought}”.${found ? " Enter chooses the first." : ""}` : "";
      this.fill();
    }, 150);
    field.addEventListener("input", narrow);
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !field.value.trim()) return;
      const [first] = matching(all(), field.value);
      if (first) this.choose(choice(first[0]));
    });
  }

  /** Take the file that a person chose. */
  async take() {
    const [file] = this.file.files ?? [];
    if (!file) return;
    try {
      const { name, vms } = await loadNames(file, this.lists.tenants);
      this.said.textContent = `Loaded the names of ${name} and ${vms.size.toLocaleString(LOCALES)} ${vms.size === 1 ? "VM" : "VMs"}. They stay in this browser.`;
    } catch (error) {
      if (!(error instanceof NotTaken)) throw error;
      this.said.textContent = `${file.name} was not loaded: ${error.message}.`;
    }
    this.file.value = ""; // so that the same file can be chosen again
  }

  /** @returns {Choices} */
  tenants() {
    const { tenants, labels } = this.lists;
    const shown = texts(tenants, (tenant) => labels.get(tenant) ?? tenantName(tenant));
    // If the operator's label is shown, the tenant's own name also finds the tenant.
    return [...shown].map(([tenant, text]) => {
      const own = tenantName(tenant);
      return [tenant, own && !text.includes(own) ? `${text} · ${own}` : text];
    });
  }

  /** @returns {Choices} */
  vmChoices() {
    const byName = new Map(this.vms.map((each) => [each.vm ?? "", each]));
    return [...texts([...byName.keys()], (vm) => vmName(this.chosen.tenant, vm))].map(([vm, text]) => {
      const { ResourcePoolName, MachineSize } = byName.get(vm) ?? {};
      return [vm, [text, ResourcePoolName, MachineSize].filter(Boolean).join(" · ")];
    });
  }

  /** @param {import("./lists.js").Lists} lists @param {Choice} chosen @param {Record<string, string>[]} vms those of the chosen tenant */
  show(lists, chosen, vms) {
    this.lists = lists;
    this.chosen = chosen;
    this.vms = vms;
    this.fill();
  }

  fill() {
    const { tenant, vm } = this.chosen;
    const [tenants, vms] = [this.tenants(), this.vmChoices()];
    const left = (/** @type {Choices} */ all, /** @type {string} */ sought, /** @type {string} */ chosen) => {
      const found = new Set(matching(all, sought));
      return all.filter((each) => each[0] === chosen || found.has(each));
    };
    fill(this.tenant, [["", "the whole fleet"], ...left(tenants, this.findTenant.value, tenant)], tenant);
    fill(this.vm, [["", tenant ? "all VMs of the tenant" : "choose a tenant first"], ...left(vms, this.findVm.value, vm)], vm);
    this.tenant.title = tenant;
    this.vm.title = vm;
    this.vm.disabled = !tenant;
    this.field.hidden = !tenants.length;
    this.tenantField.hidden = tenants.length < 2;
    this.vmField.hidden = vms.length < 2;
    this.forget.hidden = !hasNames();
  }
}
