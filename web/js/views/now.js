// The first page: how everything is in one sentence, what is unusual, which VMs are silent, which services are stopped, and
// what changed. Each line leads to its VM or its group. Knows the order of all that. Its words are in unusual.js and changes.js.

import { ask } from "../ask.js";
import { AGAINST, askChanges, compared, notable, said } from "../changes.js";
import { fill, labelled, made } from "../elements.js";
import { evidence } from "../evidence.js";
import { html, nothing, render, repeat } from "../html.js";
import { NO_LISTS } from "../lists.js";
import { onNames } from "../names.js";
import { counted } from "../numbers.js";
import { spark } from "../spark.js";
import { called, howItIs, identity, MOST_LINES, ofWhen, parts, sinceWhen, total } from "../unusual.js";
import { WINDOW } from "../windows.js";
import { ownTenant, tellWho } from "../who.js";

const CHARTS = 8; // lines whose charts are asked for whether they are in view or not
const COUNTERS = 6; // counters whose changes are told
const EACH = 2; // changes of a counter
const ALSO = 3; // counters that are named besides
const LEGEND = "Charts: the last 6 hours; grey is what is normal at each hour, dots are outside of it.";
const HOUR = { minutes: 60, start: 0, end: 0 };

/**
 * @typedef {import("../unusual.js").Line} Line
 * @typedef {import("../unusual.js").Unusual} Unusual
 * @typedef {import("../lists.js").Lists} Lists
 * @typedef {import("../html.js").Template} Template
 * @typedef {{against: import("../changes.js").Against}} Own
 * @typedef {import("../view.js").Chosen<Own>} Chosen
 */

export class Now {
  name = "now";
  /** @type {import("../view.js").Control[]} */
  controls = [];

  /** @param {import("../view.js").Host} host */
  constructor(host) {
    this.host = host;
    this.body = made("div", { id: "now" });
    this.against = made("select", { id: "now-against" });
    fill(this.against, AGAINST, "day");
    this.against.addEventListener("change", () => host.choose({ own: { against: this.against.value } }));
    this.fields = [labelled("What changed, against", this.against)];
    /** @type {Chosen | null} */
    this.chosen = null;
    this.lists = NO_LISTS;
    /** @type {Unusual | null} */
    this.answer = null;
    /** @type {number | null} */
    this.days = null;
    /** @type {import("../changes.js").Changes | string} what changed, or why it is not known */
    this.changes = "";
    /** @type {Map<string, {window: number, points: import("../lines.js").Point[] | null}>} by lines; null: it can't be loaded */
    this.charts = new Map();
    /** @type {Map<string, Promise<any>>} what was asked about this window, so that lines of one group ask once */
    this.asked = new Map();
    this.watch = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.load(/** @type {any} */ (target).line);
    }, { rootMargin: "200px" });
    onNames(() => this.draw());
  }

  /** @param {URLSearchParams} given @returns {Own} */
  read(given) {
    return { against: AGAINST.find(([each]) => each === given.get("against"))?.[0] ?? "day" };
  }

  /** @param {Own} own @returns {[string, string][]} */
  write({ against }) {
    return [["against", against === "day" ? "" : against]];
  }

  /** @param {Chosen} chosen @param {Lists} lists */
  show(chosen, lists) {
    this.chosen = chosen;
    this.lists = lists;
    this.against.value = chosen.own.against;
    this.draw();
  }

  /** @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current */
  async refresh(chosen, lists, current) {
    await tellWho(); // a tenant's user may ask only of its own tenant
    const own = ownTenant();
    /** @type {[string, string][]} */
    const whose = own ? [["tenant", own]] : [];
    /** @type {Unusual} */
    const answer = await ask("v1/get-unusual", [["limit", String(MOST_LINES)], ...whose]);
    const days = answer.reason !== null && !answer.data.length ? await learned(lists, whose) : null;
    if (!current()) return null;
    if (answer.window !== this.answer?.window) this.asked.clear();
    const listed = new Set(answer.data.map(identity));
    for (const each of this.charts.keys()) if (!listed.has(each)) this.charts.delete(each);
    this.watch.disconnect(); // when it begins again, it tells all that are in view
    [this.answer, this.days] = [answer, days];
    this.draw();
    for (const line of shown(answer).slice(0, CHARTS)) this.load(line);
    this.compare(chosen, lists, current);
    const newest = Math.max(answer.window ? answer.window + WINDOW - 60 : 0, ...(own ? [] : lists.counters.map((counter) => counter.newest)));
    return { own: chosen.own, newest, end: 0, suppressed: "", notice: "", empty: "" };
  }

  /** Ask what changed. That takes longest, and comes last on the page. @param {Chosen} chosen @param {Lists} lists @param {() => boolean} current */
  async compare({ range, own }, lists, current) {
    const changes = await askChanges({ ...range, ...HOUR }, own.against, lists.counters.length, ownTenant()).catch((error) => String(error.message));
    if (!current()) return;
    this.changes = changes;
    this.draw();
  }

  /** Ask for the chart of a line, unless it is there. @param {Line | undefined} line */
  async load(line) {
    const { answer, lists } = this;
    const counter = lists.counters.find(({ key }) => key === line?.key);
    if (!line || !counter || !answer || this.charts.get(identity(line))?.window === answer.window) return;
    const { window } = answer;
    const old = this.charts.get(identity(line));
    this.charts.set(identity(line), { window, points: old ? old.points : [] }); // the old one, until the new one is there
    const points = await evidence(line, counter, window, (path, parameters) => this.once(path, parameters)).catch(() => null);
    if (this.answer?.window !== window) return;
    this.charts.set(identity(line), { window: points ? window : 0, points }); // what failed is asked for again
    this.draw();
  }

  /** @param {string} path @param {import("../ask.js").Parameters} parameters @returns {Promise<any>} */
  once(path, parameters) {
    const query = `${path}?${new URLSearchParams(parameters)}`;
    const asked = this.asked.get(query) ?? ask(path, parameters);
    this.asked.set(query, asked);
    asked.catch(() => this.asked.get(query) === asked && this.asked.delete(query)); // a failure is not kept
    return asked;
  }

  draw() {
    const { answer, chosen } = this;
    if (!chosen) return;
    if (!answer) return render(html`<p class="lead" role="status">Looking for what is unusual …</p>`, this.body);
    const { utc } = chosen.range;
    const { first, unusual, always, silent, stopped } = parts(answer.data);
    render(
      html`<p class="lead" role="status">${howItIs(answer, this.days)}</p>
        ${answer.reason !== null && !answer.data.length ? html`<p class="note">Until then: <a href=${this.host.address("vms", [], chosen.range)}>the VMs with the worst values</a>, and <a href=${this.host.address("fleet", [], chosen.range)}>the fleet by counter</a>.</p>` : nothing}
        ${answer.window ? html`<p class="note">${ofWhen(answer.window, utc, Date.now() / 1000)}</p>` : nothing}
        <div class="now-parts">
          <div>
            ${this.list("Worth a look first", `On their worse side, or far from other VMs of their size too. ${LEGEND}`, first)}
            ${this.list("Also unusual", `Other than usual at this hour, but not clearly worse. ${LEGEND}`, unusual)}
            ${this.list("As always, worse than others", "As usual for themselves, and worse than 95 % of VMs of their size. Dashed: what these others keep to.", always)}
            ${answer.reason === null && !first.length && !unusual.length && !silent.length && !stopped.size ? html`<p class="empty">${answer.judged === 1 ? "The only VM has not" : `None of ${counted(answer.judged, "VM")} has`} stayed outside of what is normal for most of the last hour.</p>` : nothing}
          </div>
          <div>
            ${silent.length ? this.silent(silent) : nothing} ${stopped.size ? this.stopped(stopped) : nothing} ${this.changed()}
          </div>
        </div>`,
      this.body,
    );
    for (const place of this.body.querySelectorAll("[data-line]")) this.watch.observe(place);
  }

  /** @param {string} title @param {string} note @param {Line[]} lines */
  list(title, note, lines) {
    if (!lines.length) return nothing;
    return html`<section aria-label=${title}>
      <h2>${title} <span class="count">${lines.length}</span></h2>
      <p class="note">${note}</p>
      <ol class="findings">${repeat(lines, identity, (line) => this.line(line))}</ol>
    </section>`;
  }

  /** @param {Line} line */
  line(line) {
    const { charts, lists, chosen, answer } = this;
    const counter = lists.counters.find(({ key }) => key === line.key);
    const titles = line.also.split(" ").filter(Boolean).map((key) => lists.counters.find((each) => each.key === key)?.title ?? key);
    const more = titles.length > ALSO ? `${titles.slice(0, ALSO).join(", ")} and ${titles.length - ALSO} more` : titles.join(", ");
    const since = sinceWhen(line, answer?.window ?? 0, chosen?.range.utc ?? false);
    const points = charts.get(identity(line))?.points;
    const look = { title: `${counter?.title}, ${called(line, lists.labels)}`, unit: counter?.unit ?? "", utc: chosen?.range.utc ?? false, step: WINDOW };
    return html`<li class=${line.notable ? "finding notable" : "finding"}>
      <div>
        <a href=${this.target(line)}>${called(line, lists.labels)}</a>${since ? html` <span class="note">${since}</span>` : nothing}
        <p>${line.sentence}</p>
        ${more ? html`<p class="note">Also: ${more}.</p>` : nothing}
      </div>
      <div data-line .line=${line}>${points === null ? html`<p class="note">The chart can't be loaded.</p>` : spark(points ?? [], look)}</div>
    </li>`;
  }

  /** @param {Line[]} lines */
  silent(lines) {
    return html`<section class="panel" aria-label="Silent VMs">
      <h2>Silent VMs <span class="count">${total(lines)}</span></h2>
      <p class="note">They usually report at this hour, and do not.</p>
      <ul>${repeat(lines, identity, (line) => html`<li>${this.linked(line)} <span class="note">${sinceWhen(line, this.answer?.window ?? 0, this.chosen?.range.utc ?? false)}</span></li>`)}</ul>
    </section>`;
  }

  /** @param {Map<string, Line[]>} services by counter */
  stopped(services) {
    const title = (/** @type {string} */ key) => (this.lists.counters.find((each) => each.key === key)?.title ?? key.replace("win_service.", "")).replace(/ running$/, "");
    return html`<section class="panel" aria-label="Stopped services">
      <h2>Stopped services <span class="count">${services.size}</span></h2>
      <p class="note">They usually run at this hour.</p>
      <dl>${[...services].map(([key, lines]) => html`<dt>${title(key)}</dt><dd><ul>${repeat(lines, identity, (line) => html`<li>${this.linked(line)} <span class="note">${line.kind === "vm" ? nothing : line.vms ? `${line.vms} of ${counted(line.of, "VM")}, ` : `${line.sentence} `}${sinceWhen(line, this.answer?.window ?? 0, this.chosen?.range.utc ?? false)}</span></li>`)}</ul></dd>`)}</dl>
    </section>`;
  }

  changed() {
    const { changes, chosen, lists } = this;
    const titled = (/** @type {Template | string} */ content) => html`<section class="panel changed" aria-label="What changed"><h2>What changed</h2>${content}</section>`;
    if (!chosen || typeof changes === "string") return titled(html`<p class="note">${(typeof changes === "string" && changes) || "Comparing …"}</p>`);
    if (changes.against !== chosen.own.against) return titled(html`<p class="note">Comparing …</p>`);
    const all = [...notable(changes)];
    const counter = (/** @type {string} */ key) => lists.counters.find((each) => each.key === key);
    return titled(html`<p class="note">${compared(changes, chosen.range.utc, "“What changed, against”")}</p>
      <dl>${all.slice(0, COUNTERS).map(([key, each]) => html`<dt>${counter(key)?.title ?? key}</dt>
        ${each.slice(0, EACH).map((one) => html`<dd class=${one.worse ? "worse" : ""}>${said(one, counter(key)?.unit ?? "", changes.tenant, lists.labels)}</dd>`)}`)}</dl>
      ${all.length ? html`<a href=${this.host.address("fleet", [["sort", "change"], ["against", changes.against]], { ...chosen.range, ...HOUR })}>All that changed, by counter</a>` : nothing}`);
  }

  /** @param {Line} line */
  linked(line) {
    return html`<a href=${this.target(line)}>${called(line, this.lists.labels)}</a>`;
  }

  /** The address that tells more: the VM's, the VMs of a region or size, or the parts of a tenant or pool. @param {Line} line */
  target({ kind, tenant, name, key }) {
    const [view, place] = /** @type {Record<Line["kind"], [string, string]>} */ ({ vm: ["vm", "vm"], region: ["vms", "region"], size: ["vms", "size"], pool: ["where", "pool"], tenant: ["where", ""], fleet: ["where", ""] })[kind];
    const { range } = /** @type {Chosen} */ (this.chosen);
    return this.host.address(view, [["key", key ?? ""], ["tenant", tenant ?? ""], [place, (place && name) || ""]], range);
  }

  width() {
    return 240;
  }

  fit() {}

  heading() {
    const { answer } = this;
    if (!answer || answer.reason !== null) return "Now";
    const { first, unusual, silent, stopped } = parts(answer.data);
    const count = first.length + unusual.length + total(silent) + stopped.size;
    return count ? `Now: ${count} unusual` : "Now: all as usual";
  }
}

/** The lines that have charts, as they stand on the page. @param {Unusual} answer */
function shown({ data }) {
  const { first, unusual, always } = parts(data);
  return [...first, ...unusual, ...always];
}

/** From how many days it is known what is normal; null: it can't be told. @param {Lists} lists @param {[string, string][]} whose */
async function learned(lists, whose) {
  const key = lists.counters[0]?.key ?? "";
  const answer = await ask("v1/get-baseline", [["key", key], ["hours", "1"], ...whose]).catch(() => null);
  return answer ? Number(answer.history) : null;
}
