// Who is signed in, and the way out. Knows what the API says of the caller; refuses to know what they may see.

import { ask } from "./ask.js";
import { byId } from "./elements.js";
import { onNames, tenantName } from "./names.js";

let told = false;
/** @type {{name: string, role: string, tenant: string | null, signsIn: boolean}} as the API says it */
let who = { name: "", role: "", tenant: null, signsIn: false };

/** Write who it is: a tenant by its real name, where that was loaded, and by its masked name in the tooltip. */
function write() {
  const { name, role, tenant } = who;
  byId("who-name").textContent = tenant ? `${name}, for the tenant ${tenantName(tenant) ?? tenant}` : `${name}, ${role}`;
  byId("who-name").title = tenant ?? "";
}

/** Tell who is signed in, once. Where nobody signs in, nothing is told. */
export async function tellWho() {
  if (told) return;
  told = true;
  try {
    who = await ask("v1/me");
    write();
    byId("sign-out").href = `/.auth/logout?${new URLSearchParams({ post_logout_redirect_uri: location.pathname })}`;
    byId("who").hidden = !who.signsIn;
  } catch {
    told = false; // what is shown besides says what is wrong; the next success asks again
  }
}

/** Nobody is signed in any more. */
export function forgetWho() {
  told = false;
  byId("who").hidden = true;
}

onNames(write);
