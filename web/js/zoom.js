// Into a part of a chart's time, and back: what people drag over becomes the range, and Escape or a double click brings the
// range before it again. Knows ranges. Does not know charts, nor the browser's history, in which each is a step as any other.

/** @typedef {import("./range.js").Range} Range */

export class Zoom {
  /** @param {(range: Range) => void} choose @param {HTMLElement} body of the view: the keys count while it is shown */
  constructor(choose, body) {
    this.choose = choose;
    /** @type {{from: Range, start: number, end: number}[]} ranges that were left, and for which */
    this.steps = [];
    /** @type {Range | null} */
    this.shown = null;
    const back = () => this.back();
    body.addEventListener("dblclick", (event) => /** @type {Element} */ (event.target).closest(".u-over") && back());
    document.addEventListener("keydown", (event) => {
      const typing = /** @type {Element} */ (event.target).closest?.("input, select, textarea, dialog[open]");
      if (event.key === "Escape" && !event.defaultPrevented && !typing && body.checkVisibility()) back();
    });
  }

  /** The range that is shown. If people came to it in another way, there is nothing to go back to. @param {Range} range */
  show(range) {
    this.shown = range;
    const isLast = (/** @type {{start: number, end: number} | undefined} */ step) => !step || (step.start === range.start && step.end === range.end);
    while (!isLast(this.steps.at(-1))) this.steps.pop();
  }

  /** Show only a part of the range. @param {number} start @param {number} end Unix seconds */
  into(start, end) {
    if (!this.shown) return;
    this.steps.push({ from: this.shown, start, end });
    this.choose({ ...this.shown, start, end, interval: 0 });
  }

  back() {
    const step = this.steps.pop();
    if (step) this.choose(step.from);
  }
}
