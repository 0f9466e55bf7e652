// Numbers as people read them, with their units.

const BINARY = ["", "Ki", "Mi", "Gi", "Ti"];

/** @param {number | null | undefined} value @param {string} unit */
export function written(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit.startsWith("B")) {
    const power = Math.min(BINARY.length - 1, Math.max(0, Math.floor(Math.log(Math.abs(value) || 1) / Math.log(1024))));
    return `${Number((value / 1024 ** power).toPrecision(3)).toLocaleString()} ${BINARY[power]}${unit}`;
  }
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits)).toLocaleString()}${unit ? ` ${unit}` : ""}`;
}

/** A change with its sign. @param {number} by @param {string} unit */
export function change(by, unit) {
  const text = written(Math.abs(by), unit);
  if (/^0(\s|$)/.test(text)) return "unchanged";
  return `${by > 0 ? "▲ +" : "▼ −"}${text}`;
}

/** Masked names are long; what tells them apart is at the end. @param {string} name */
export const short = (name) => (name.length > 18 ? `…${name.slice(-12)}` : name);
