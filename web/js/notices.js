// Messages to people besides charts: how old the data is, what failed, what they can do.
// Knows the words and their places on the page. Does not know when to ask again.

import { offer } from "./access.js";
import { NoAccess, Problem } from "./ask.js";
import { ago, clock, dated } from "./clock.js";
import { byId } from "./elements.js";
import { forgetWho } from "./who.js";

const LATE_SECONDS = 20 * 60;

/** Whether data should be newer. @param {number} newest Unix seconds, 0: there is none @param {import("./range.js").Range} range */
export const isLate = (newest, { start }) => newest > 0 && !start && Date.now() / 1000 - newest > LATE_SECONDS;

/** @param {string} id @param {string} text empty: it is not shown */
export function tell(id, text) {
  byId(id).hidden = !text;
  if (byId(id).textContent !== text) byId(id).textContent = text; // screen readers read changed text aloud again
}

/** The line at the top. @param {string} text @param {boolean} [late] */
export function say(text, late = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("late", late);
}

/** How old the data is. @param {number} newest Unix seconds, 0: there is none @param {import("./range.js").Range} range */
export function sayAge(newest, range) {
  if (!newest) return say("no data in this range");
  const seconds = Date.now() / 1000 - newest;
  const late = isLate(newest, range);
  say(`newest minute ${(seconds > 86_400 ? dated : clock)(newest, range.utc)}, ${ago(seconds)}${late ? ": data is late" : ""}`, late);
}

/**
 * Say what is wrong, what the page still shows and what happens next.
 * @param {unknown} problem null: nothing is wrong any more @param {string} since when what is shown was loaded; empty: nothing is shown
 * @param {boolean} pending whether something else than what is shown was chosen
 */
export function tellProblem(problem, since, pending) {
  const access = problem instanceof NoAccess;
  const words = problem instanceof Problem ? [problem.message] : [`Something went wrong on this page: ${problem}. Reload it; if it happens again, tell the operator.`];
  if (since) words.push(`What you see is from ${since}.`);
  if (since && pending) words.push("Your last choice could not be loaded yet.");
  if (problem instanceof Problem && problem.passing) words.push("The page tries again every few seconds.");
  tell("problem-text", problem ? words.join(" ") : "");
  byId("problem").hidden = !problem;
  offer(access ? problem.way : null);
  if (access && problem.way === "sign in") forgetWho();
  byId("again").hidden = access;
  if (problem) say(since ? `from ${since}, not updated since` : "nothing could be loaded", true);
}
