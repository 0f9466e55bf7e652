// The ways in: sign-in, and the access key. The page asks for the key, checks it and keeps it only in this tab.
// Knows the form of a key and where people sign in. Does not know what they may open.

import { byId } from "./elements.js";
import { EMBEDDED } from "./embedded.js";

const ACCESS_KEY = "accessKey";

/**
 * Why a key can't be sent; empty if it can. It is sent in a header, where a browser accepts only Latin-1.
 * @param {string} key
 */
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

/** Let a person enter a key. @param {() => void} entered called when the person has entered a key that can be sent */
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

/** @typedef {"key" | "sign in" | "as somebody else" | "by the portal"} Way nothing is offered for the last: only the portal can help */

/**
 * Offer the way that would help. After sign-in, people return to the current choice.
 * @param {Way | null} way null: none helps
 */
export function offer(way) {
  if (EMBEDDED) way = null; // sign-in pages refuse frames
  const link = byId("sign-in");
  byId("access").hidden = way !== "key";
  link.hidden = way !== "sign in" && way !== "as somebody else";
  link.textContent = way === "as somebody else" ? "Sign in as somebody else" : "Sign in";
  // Entra ID then asks for an account, and does not reuse the one without access. (Not tried in Azure.)
  /** @type {Record<string, string>} */
  const prompt = way === "as somebody else" ? { prompt: "select_account" } : {};
  link.href = `/.auth/login/aad?${new URLSearchParams({ ...prompt, post_login_redirect_uri: location.pathname + location.search })}`;
}
