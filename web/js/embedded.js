// Embedded: the page as a view inside the provider's portal (?embed), without frame and controls.
// Takes a bearer token from the page around it, keeps it in memory, and tells that page nothing. Who may frame this page
// is the server's matter (frame-ancestors), so the page around it is always one that may.

/** Whether this page is shown as a view inside another one. */
export const EMBEDDED = new URLSearchParams(location.search).has("embed");

let token = "";

/** The token to send; empty: none was handed over. */
export const bearer = () => token;

/**
 * Take tokens from the page around this one: {token: "…"}, whenever it has a new one. No other window is listened to.
 * @param {() => void} taken called after each
 */
export function takeTokens(taken) {
  if (!EMBEDDED) return;
  document.documentElement.classList.add("embedded");
  if (parent === self) return;
  addEventListener("message", (event) => {
    const given = event.source === parent ? event.data?.token : undefined;
    if (typeof given !== "string" || !/^[\x21-\x7e]+$/.test(given)) return;
    token = given;
    taken();
  });
}
