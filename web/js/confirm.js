// Asks a person once more, in the page, before something is done that can't be undone. Knows dialogs, not what is done.

import { made } from "./elements.js";

/**
 * @param {string} title @param {string} text what will happen @param {string} yes what the button says that does it
 * @returns {Promise<boolean>} whether the person wants it
 */
export function confirmed(title, text, yes) {
  const dialog = made("dialog", { "aria-labelledby": "confirm-title", class: "confirm" },
    made("form", { method: "dialog" },
      made("h2", { id: "confirm-title" }, title), made("p", {}, text),
      made("div", { class: "buttons" }, made("button", { value: "no" }, "Cancel"), made("button", { value: "yes", class: "danger" }, yes))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => {
    dialog.remove();
    done(dialog.returnValue === "yes");
  }));
}
