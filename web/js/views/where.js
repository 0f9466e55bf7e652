// The Where view.

import { made } from "../elements.js";

export class Where {
  name = "where";
  title = "Where";
  /** @type {string[]} */
  parameters = [];
  /** @type {import("../page.js").Control[]} */
  controls = [];
  /** @type {HTMLElement[]} */
  fields = [];

  /** @param {import("../page.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "where" });
  }

  read() {
    return {};
  }

  /** @returns {[string, string][]} */
  write() {
    return [];
  }

  show() {}

  async refresh() {
    return { own: {}, newest: 0, end: 0, suppressed: "", notice: "", empty: "" };
  }

  width() {
    return 240;
  }

  fit() {}

  heading() {
    return "Where";
  }
}
