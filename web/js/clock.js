// Writes moments and durations in one format, by the viewer's languages, in the viewer's time zone or in UTC.
// URLs and files use Unix seconds or ISO 8601 instead. Knows time zones and their changes. Does not know the charts.

import { LOCALES } from "./locale.js";

const DATE = /** @type {const} */ ({ year: "numeric", month: "short", day: "numeric" });
const TIME = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });
const ZONE = /** @type {const} */ ({ timeZoneName: "short" });
const NEAR = 3 * 3_600; // seconds; this close to a change of the clock, times need their zone

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map(); // making a format takes longer than using it a hundred times

/** @param {number} at Unix seconds @param {boolean} utc @param {Intl.DateTimeFormatOptions} options */
function format(at, utc, options) {
  const key = `${utc} ${Object.keys(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(LOCALES, { ...options, ...(utc ? { timeZone: "UTC" } : {}) });
    formats.set(key, made);
  }
  return made.format(at * 1000);
}

/** How far the clock is ahead of UTC, in seconds. @param {number} at Unix seconds @param {boolean} utc */
export const offset = (at, utc) => (utc ? 0 : -60 * new Date(at * 1000).getTimezoneOffset());

/**
 * The zone's short name shortly before and after the clock changes, because a time may then occur twice.
 * @param {number} at @param {boolean} utc
 */
const zoneIfUnsure = (at, utc) => (offset(at - NEAR, utc) === offset(at + NEAR, utc) ? {} : ZONE);

/** The time of day. @param {number} at Unix seconds @param {boolean} utc */
export const clock = (at, utc) => format(at, utc, { ...TIME, ...zoneIfUnsure(at, utc) });

/** The day. @param {number} at Unix seconds @param {boolean} utc */
export const day = (at, utc) => format(at, utc, DATE);

/** Day and time. @param {number} at Unix seconds @param {boolean} utc */
export const dated = (at, utc) => format(at, utc, { ...DATE, ...TIME, ...zoneIfUnsure(at, utc) });

/** Day, time and zone: no two moments are written alike. @param {number} at Unix seconds @param {boolean} utc */
export const moment = (at, utc) => format(at, utc, { ...DATE, ...TIME, ...ZONE });

/** From one moment to another. @param {number} start @param {number} end @param {boolean} utc */
export const fromTo = (start, end, utc) =>
  `${dated(start, utc)} – ${day(start, utc) === day(end, utc) ? clock(end, utc) : dated(end, utc)}`;

/** The name of the time zone. @param {boolean} utc */
export const zoneName = (utc) => (utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone);

/** @param {number} minutes */
export const lasting = (minutes) =>
  minutes % 1_440 === 0 ? `${minutes / 1_440} d` : minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;

/** @param {number} seconds */
export function ago(seconds) {
  const minutes = Math.round(Math.max(0, seconds) / 60);
  return minutes < 1 ? "just now" : minutes < 120 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}

/** The midnight that begins the day of a moment, or another one so many days from it. @param {number} at Unix seconds @param {boolean} utc @param {number} days */
export function midnight(at, utc, days) {
  const date = new Date(at * 1000);
  return (utc ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + days) : Number(new Date(date.getFullYear(), date.getMonth(), date.getDate() + days))) / 1000;
}

/** A moment as a field for a date and time has it. @param {number} at Unix seconds @param {boolean} utc */
export const toField = (at, utc) => new Date((at + offset(at, utc)) * 1000).toISOString().slice(0, 16);

/** The moment that such a field has; not a number if it has none. @param {string} text @param {boolean} utc @returns {number} Unix seconds */
export const fromField = (text, utc) => Date.parse(utc ? `${text}Z` : text) / 1000;
