// Templates: lit-html, which is vendored. Views take it from here and nowhere else.
// The page's policy forbids styles in templates: use classes, and SVG's own attributes.

/** @typedef {import("lit-html").TemplateResult<1> | import("lit-html").TemplateResult<2>} Template */

export { html, nothing, render, svg } from "/assets/vendor/lit-html-3.3.3/lit-html.js";
export { repeat } from "/assets/vendor/lit-html-3.3.3/directives/repeat.js";

/** The names of the classes that hold. @param {Record<string, unknown>} which */
export const classes = (which) => Object.keys(which).filter((name) => which[name]).join(" ");
