// The ways in: signing in, and the access key, which is asked for, checked and kept in this tab and nowhere else. Knows what a
// key may look like and where people sign in; refuses to know what that opens.

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

/** @typedef {"key" | "sign in" | "as somebody else"} Way */

/** Offer what would help. Whoever signs in comes back to what is chosen now. @param {Way | null} way null: nothing would */
export function offer(way) {
  const link = byId("sign-in");
  byId("access").hidden = way !== "key";
  link.hidden = way !== "sign in" && way !== "as somebody else";
  link.textContent = way === "as somebody else" ? "Sign in as somebody else" : "Sign in";
  // Entra ID then asks which account is meant, and does not take the one that has no access again. (Not tried in Azure.)
  /** @type {Record<string, string>} */
  const prompt = way === "as somebody else" ? { prompt: "select_account" } : {};
  link.href = `/.auth/login/aad?${new URLSearchParams({ ...prompt, post_login_redirect_uri: location.pathname + location.search })}`;
}
