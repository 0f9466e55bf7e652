// Controls behind a button (details.drop): one is open at a time; Esc and a click elsewhere close it.

/** Begin to close what is open. */
export function onDrops() {
  const close = (/** @type {Element | null} */ but) => {
    for (const drop of document.querySelectorAll("details.drop[open]")) if (drop !== but) /** @type {HTMLDetailsElement} */ (drop).open = false;
  };
  document.addEventListener("click", (event) => close(/** @type {Element} */ (event.target).closest("details.drop")));
  document.addEventListener("focusin", (event) => close(/** @type {Element} */ (event.target).closest("details.drop")));
  document.addEventListener("keydown", (event) => {
    const open = /** @type {HTMLDetailsElement | null} */ (document.querySelector("details.drop[open]"));
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    close(null);
    open.querySelector("summary")?.focus();
  }, { capture: true });
}
