// Saves the shown data as files: as text, and as a picture for a report, which says itself what it shows.

import { made } from "./elements.js";

/**
 * @typedef {{title: string, legend: import("./chart.js").Entry[], canvas: HTMLCanvasElement}} Drawing
 */

const [MARGIN, LINE, LEAST, DASH, GAP] = [16, 24, 600, 22, 18]; // pixels

/** @param {string} view @param {string} kind the name's end */
export const fileName = (view, kind) => `spot-pc-insights-${view}-${new Date().toISOString().slice(0, 16).replace(":", "")}.${kind}`;

/** @param {Blob} content @param {string} name */
export function save(content, name) {
  const link = made("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Writes on a canvas from the top. `pen` draws in pixels of the page. */
class Sheet {
  /** @param {number} width @param {number} scale */
  constructor(width, scale) {
    this.canvas = made("canvas");
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.width = width;
    this.scale = scale;
    this.top = MARGIN;
  }

  /** @param {string} weight */
  font(weight) {
    this.pen.font = `${weight} 14px system-ui, sans-serif`;
  }

  /** The rows of a text or a legend that fit into the width. @template Each @param {Each[]} all @param {(each: Each) => number} widthOf @returns {Each[][]} */
  rows(all, widthOf) {
    /** @type {Each[][]} */
    const rows = [];
    let left = 0;
    for (const each of all) {
      if (rows.length && widthOf(each) <= left) rows.at(-1)?.push(each);
      else {
        rows.push([each]);
        left = this.width - 2 * MARGIN;
      }
      left -= widthOf(each);
    }
    return rows;
  }

  /** @param {string} text @param {string} weight @param {string} ink */
  write(text, weight, ink) {
    this.font(weight);
    for (const words of this.rows(text.split(" "), (word) => this.pen.measureText(`${word} `).width)) {
      this.pen.fillStyle = ink;
      this.pen.fillText(words.join(" "), MARGIN, this.top);
      this.top += LINE;
    }
  }

  /** @param {import("./chart.js").Entry[]} entries @param {string} ink */
  legend(entries, ink) {
    this.font("400");
    const widthOf = (/** @type {import("./chart.js").Entry} */ { text, colour }) => (colour ? DASH : 0) + this.pen.measureText(text).width + GAP;
    for (const row of this.rows(entries, widthOf)) {
      let left = MARGIN;
      for (const entry of row) {
        const { text, colour, dash } = entry;
        if (colour) {
          this.pen.strokeStyle = colour;
          this.pen.lineWidth = 3;
          this.pen.setLineDash(dash);
          this.pen.beginPath();
          this.pen.moveTo(left, this.top + 7);
          this.pen.lineTo(left + DASH - 6, this.top + 7);
          this.pen.stroke();
        }
        this.pen.fillStyle = ink;
        this.pen.fillText(text, left + (colour ? DASH : 0), this.top);
        left += widthOf(entry);
      }
      this.top += LINE;
    }
  }

  /** @param {HTMLCanvasElement} drawing */
  draw(drawing) {
    this.pen.drawImage(drawing, MARGIN, this.top, drawing.width / this.scale, drawing.height / this.scale);
    this.top += drawing.height / this.scale;
  }
}

/**
 * One picture of several drawings under one another, each with its title and its legend.
 * @param {string[]} heading lines: what is shown, and of when @param {Drawing[]} drawings @returns {Promise<Blob>}
 */
export function picture(heading, drawings) {
  const { color: ink, backgroundColor: ground } = getComputedStyle(document.body);
  const scale = devicePixelRatio;
  const sheet = new Sheet(Math.max(LEAST, ...drawings.map(({ canvas }) => canvas.width / scale)) + 2 * MARGIN, scale);
  // Once to learn how high it is, which depends on the widths of texts, and once to draw.
  for (const height of [1, 0]) {
    sheet.canvas.width = sheet.width * scale;
    sheet.canvas.height = height || Math.ceil((sheet.top + MARGIN) * scale);
    sheet.top = MARGIN;
    sheet.pen.scale(scale, scale);
    sheet.pen.textBaseline = "top";
    sheet.pen.fillStyle = ground;
    sheet.pen.fillRect(0, 0, sheet.canvas.width, sheet.canvas.height);
    heading.forEach((line, at) => sheet.write(line, at ? "400" : "700", ink));
    for (const { title, legend, canvas } of drawings) {
      sheet.top += MARGIN / 2;
      sheet.write(title, "600", ink);
      sheet.draw(canvas);
      sheet.legend(legend, ink);
    }
  }
  return new Promise((done, failed) => sheet.canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no picture"))), "image/png"));
}
