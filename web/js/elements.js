// Short functions that make and find elements of the page.

/** @param {string} id @returns {any} the element; it must exist */
export const byId = (id) => document.getElementById(id);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string>} [attributes] @param {(string | Node)[]} content
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function made(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** A control with its label. @param {string} text @param {HTMLElement} control must have an id */
export const labelled = (text, control) => made("div", {}, made("label", { for: control.id }, text), " ", control);

/**
 * The choices in each select, so that a select is not rebuilt while a person uses it.
 * @type {WeakMap<HTMLSelectElement, string>}
 */
const filled = new WeakMap();

/**
 * Fill a select, and keep the chosen value if it is among the choices.
 * @param {HTMLSelectElement} select @param {[string, string, string?][]} choices values, texts and groups @param {string} chosen
 */
export function fill(select, choices, chosen) {
  const value = choices.some(([each]) => each === chosen) ? chosen : (choices[0]?.[0] ?? "");
  const key = JSON.stringify(choices);
  if (filled.get(select) !== key) select.replaceChildren(...options(choices));
  filled.set(select, key);
  if (select.value !== value) select.value = value;
}

/** @param {[string, string, string?][]} choices */
function options(choices) {
  const groups = new Map();
  /** @type {HTMLElement[]} */
  const top = [];
  for (const [value, text, group] of choices) {
    const option = made("option", { value }, text);
    if (!group) top.push(option);
    else if (groups.has(group)) groups.get(group).append(option);
    else {
      groups.set(group, made("optgroup", { label: group }, option));
      top.push(groups.get(group));
    }
  }
  return top;
}

/** Scroll a row of links sideways until one of them is in view. @param {HTMLElement} link */
export function reveal(link) {
  const row = /** @type {HTMLElement} */ (link.parentElement);
  const [one, all] = [link.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += Math.max(0, one.right - all.right) - Math.max(0, all.left - one.left);
}

/** Do something a moment after the last call. @param {() => void} work @param {number} milliseconds */
export function settled(work, milliseconds) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(work, milliseconds);
  };
}
