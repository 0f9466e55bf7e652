// Shows who is signed in, and the sign-out. Knows the API's answer about the caller. Does not know what they may see.

import { ask } from "./ask.js";
import { byId } from "./elements.js";
import { onNames, tenantName } from "./names.js";

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
export async function tellWho() {
  if (told) return;
  told = true;
  try {
    who = await ask("v1/me");
    write();
    byId("sign-out").href = `/.auth/logout?${new URLSearchParams({ post_logout_redirect_uri: location.pathname })}`;
    byId("who").hidden = !who.signsIn;
  } catch {
    told = false; // another message says what is wrong; the next success asks again
  }
}

/** Whether the caller is an operator, as far as the page knows. */
export const isOperator = () => told && who.role === "operator";

/** Show that nobody is signed in any more. */
export function forgetWho() {
  told = false;
  byId("who").hidden = true;
}

onNames(write);
