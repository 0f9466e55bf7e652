// Saves the shown data as files.

import { made } from "./elements.js";

/** @param {string} view @param {string} kind the name's end */
export const fileName = (view, kind) => `spot-pc-insights-${view}-${new Date().toISOString().slice(0, 16).replace(":", "")}.${kind}`;

/** @param {Blob} content @param {string} name */
export function save(content, name) {
  const link = made("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * One picture of several drawings under one another, each with its title.
 * @param {string} heading @param {[string, HTMLCanvasElement][]} drawings @returns {Promise<Blob>}
 */
export function picture(heading, drawings) {
  const style = getComputedStyle(document.body);
  const scale = devicePixelRatio;
  const [margin, line] = [16 * scale, 26 * scale];
  const canvas = made("canvas");
  canvas.width = Math.max(600 * scale, ...drawings.map(([, drawing]) => drawing.width)) + 2 * margin;
  canvas.height = 2 * margin + line + drawings.reduce((sum, [, drawing]) => sum + drawing.height + line, 0);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = style.color;
  pen.textBaseline = "top";
  let top = margin;
  const write = (/** @type {string} */ text, /** @type {number} */ weight) => {
    pen.font = `${weight} ${14 * scale}px system-ui, sans-serif`;
    pen.fillText(text, margin, top);
    top += line;
  };
  write(heading, 700);
  for (const [title, drawing] of drawings) {
    write(title, 400);
    pen.drawImage(drawing, margin, top);
    top += drawing.height;
  }
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no picture"))), "image/png"));
}
