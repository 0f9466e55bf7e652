// Who is signed in, and the way out. Knows what the API says of the caller; refuses to know what they may see.

import { ask } from "./ask.js";
import { byId } from "./elements.js";

let told = false;

/** Tell who is signed in, once. Where nobody signs in, nothing is told. */
export async function tellWho() {
  if (told) return;
  told = true;
  try {
    const { name, role, tenant, signsIn } = await ask("v1/me");
    byId("who-name").textContent = tenant ? `${name}, for the tenant ${tenant}` : `${name}, ${role}`;
    byId("sign-out").href = `/.auth/logout?${new URLSearchParams({ post_logout_redirect_uri: location.pathname })}`;
    byId("who").hidden = !signsIn;
  } catch {
    told = false; // what is shown besides says what is wrong; the next success asks again
  }
}

/** Nobody is signed in any more. */
export function forgetWho() {
  told = false;
  byId("who").hidden = true;
}
