// Shows who is signed in, and the sign-out. Knows the API's answer about the caller. Does not know what they may see.

import { ask } from "./ask.js";
import { byId } from "./elements.js";
import { onNames, tenantName } from "./names.js";

/** @type {Promise<void> | null} the question who is signed in; null: it is to be asked */
let asked = null;
let told = false;
/** @type {{name: string, role: string, tenant: string | null, signsIn: boolean}} as the API gives it */
let who = { name: "", role: "", tenant: null, signsIn: false };

/** Write who is signed in. A tenant has its real name, if that was loaded, and its masked name in the tooltip. */
function write() {
  const { name, role, tenant } = who;
  byId("who-name").textContent = tenant ? `${name}, for the tenant ${tenantName(tenant) ?? tenant}` : `${name}, ${role}`;
  byId("who-name").title = tenant ?? "";
}

/** Tell once who is signed in. If nobody signs in, tell nothing. */
export const tellWho = () => (asked ??= askWho());

async function askWho() {
  try {
    who = await ask("v1/me");
    told = true;
    write();
    byId("sign-out").href = `/.auth/logout?${new URLSearchParams({ post_logout_redirect_uri: location.pathname })}`;
    byId("who").hidden = !who.signsIn;
  } catch {
    asked = null; // another message says what is wrong; the next success asks again
  }
}

/** Whether the caller is an operator, as far as the page knows. */
export const isOperator = () => told && who.role === "operator";

/** Who is signed in, in words; empty: that is not known. */
export const signedIn = () => (told ? byId("who-name").textContent : "");

/** The tenant to which the caller is confined; empty: to none, as far as the page knows. */
export const ownTenant = () => (told && who.tenant) || "";

/** Show that nobody is signed in any more. */
export function forgetWho() {
  asked = null;
  told = false;
  byId("who").hidden = true;
}

onNames(write);
