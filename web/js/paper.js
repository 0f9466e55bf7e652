// On paper: puts title and range on top, and has charts drawn anew, in light colours and as wide as the paper, for as long as
// the browser prints. The rest is css/print.css. Knows what the page shows only from its title and its controls.

import { dated } from "./clock.js";
import { byId, made } from "./elements.js";

const TITLE = made("div", { id: "paper-title" });

/** What is shown, and of when, for a report. @param {string} title @param {boolean} ofRange @param {boolean} utc @param {string} done saved or printed */
export function reportLines(title, ofRange, utc, done) {
  const range = ofRange ? [byId("range").selectedOptions[0]?.textContent] : [];
  const zone = `time zone ${byId("zone").selectedOptions[0]?.textContent}`;
  return [title, [...range, zone, `${done} ${dated(Date.now() / 1000, utc)}`].join(" · ")];
}

/** Whether the browser prints: views then show what they have, since it does not wait for more. */
export const isPaper = () => document.documentElement.classList.contains("paper");

/** Begin to look after what is printed. */
export function onPaper() {
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    const ofRange = !document.querySelector('[data-control="range"]')?.hasAttribute("hidden");
    const [title = "", ...lines] = reportLines(document.title, ofRange, byId("zone").value === "utc", "printed");
    TITLE.replaceChildren(made("h2", {}, title), ...lines.map((line) => made("p", {}, line)));
    byId("main").prepend(TITLE);
    dispatchEvent(new Event("paper")); // charts listen
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    TITLE.remove();
    dispatchEvent(new Event("paper")); // charts listen
  });
}
