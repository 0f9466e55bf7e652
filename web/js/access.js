// The access key: asked for, checked and kept in this tab and nowhere else. Knows what a key may look like; refuses to know
// what it opens.

import { byId } from "./elements.js";

const ACCESS_KEY = "accessKey";

/** Why a key can't be sent; empty: it can. It is sent as a header, and a browser takes only Latin-1 there. @param {string} key */
function refusal(key) {
  if (!key) return "Enter the access key.";
  const [found] = key.match(/[^\x20-\x7e\xa0-\xff]/u) ?? [];
  if (!found) return "";
  const place = [...key.slice(0, key.indexOf(found))].length + 1;
  const name = /\p{C}|\p{Z}/u.test(found) ? "an invisible character" : `“${found}”`;
  return `This can't be an access key: character ${place} is ${name}, which no access key contains. Correct it, or copy the key again.`;
}

/** The key to send, if there is one. */
export function storedKey() {
  const key = sessionStorage.getItem(ACCESS_KEY);
  return key && !refusal(key) ? key : null;
}

/** Let a person enter a key. @param {() => void} entered called when a key that can be sent is there */
export function askForKey(entered) {
  const [field, problem] = [byId("access-key"), byId("access-problem")];
  const tell = (/** @type {string} */ text) => {
    problem.textContent = text;
    field.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) field.focus();
  };
  byId("access").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    const key = field.value.trim();
    const wrong = refusal(key);
    tell(wrong);
    if (wrong) return;
    sessionStorage.setItem(ACCESS_KEY, key);
    field.value = "";
    entered();
  });
  field.addEventListener("input", () => tell(""));
}
