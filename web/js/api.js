// The page that shows the OpenAPI document: its operations, their parameters and the types of answers.
// Knows OpenAPI. Does not know this API.

import { askForKey, offer } from "./access.js";
import { ask, NoAccess } from "./ask.js";
import { byId, made } from "./elements.js";

/** @typedef {any} Described a part of an OpenAPI document */
/** @typedef {string | Node} Content */

/** A schema in a few words, with links to the schemas that it uses. @param {Described} schema @returns {Content[]} */
function kind(schema = {}) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return [made("a", { href: `#${name}` }, name)];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((/** @type {Described} */ choice, /** @type {number} */ index) => [...(index ? [" or "] : []), ...kind(choice)]);
  if (schema.enum ?? schema.const) return [[schema.const ?? schema.enum].flat().join(", ")];
  if (schema.type === "array") return ["list of ", ...kind(schema.items)];
  const bounds = "minimum" in schema || "maximum" in schema ? ` ${schema.minimum ?? "…"} to ${schema.maximum ?? "…"}` : "";
  return [`${schema.type ?? "anything"}${bounds}`];
}

/** @param {string[]} heads @param {Content[][][]} rows */
function table(heads, rows) {
  return made("table", {},
    made("thead", {}, made("tr", {}, ...heads.map((head) => made("th", { scope: "col" }, head)))),
    made("tbody", {}, ...rows.map((row) => made("tr", {}, ...row.map((cell) => made("td", {}, ...cell))))),
  );
}

/** @param {string} path @param {string} method @param {Described} described */
function operation(path, method, described) {
  /** @type {Content[][][]} */
  const rows = described.parameters.map((/** @type {Described} */ parameter) => [
    [made("code", {}, parameter.name), parameter.required ? " (required)" : ""],
    kind(parameter.schema),
    [parameter.description, "default" in parameter.schema ? made("span", { class: "soft" }, ` Default: ${parameter.schema.default}.`) : ""],
  ]);
  /** @type {Content[][][]} */
  const answers = Object.entries(described.responses).map(([status, response]) => [
    [status],
    Object.entries(response.content ?? {}).flatMap(([type, { schema }], index) => [index ? ", " : "", made("code", {}, type), " ", ...kind(schema)]),
    [response.description],
  ]);
  return made("section", {},
    made("h2", {}, made("code", {}, `${method.toUpperCase()} ${path}`)),
    made("p", {}, described.summary),
    made("p", { class: "soft" }, `For: ${(described["x-callers"] ?? []).join(", ")}`),
    ...(rows.length ? [table(["Parameter", "Kind", "Meaning"], rows)] : []),
    table(["Status", "Answer", "When"], answers),
  );
}

/** @param {string} name @param {Described} described */
function schema(name, described) {
  /** @type {Content[][][]} */
  const rows = Object.entries(described.properties ?? {}).map(([field, of]) => [[made("code", {}, field)], kind(of), [of.description ?? ""]]);
  return made("section", { id: name },
    made("h3", {}, made("code", {}, name)),
    made("p", {}, described.description ?? ""),
    table(["Field", "Kind", "Meaning"], rows),
  );
}

async function show() {
  try {
    const api = await ask("/v1/openapi.json");
    byId("problem").hidden = true;
    byId("about").textContent = api.info.description;
    byId("operations").replaceChildren(
      ...Object.entries(api.paths).flatMap(([path, methods]) =>
        Object.entries(/** @type {Described} */ (methods)).map(([method, described]) => operation(path, method, described)),
      ),
    );
    byId("schemas").replaceChildren(...Object.entries(api.components.schemas).map(([name, described]) => schema(name, described)));
  } catch (error) {
    byId("problem").hidden = false;
    byId("problem-text").textContent = /** @type {Error} */ (error).message;
    offer(error instanceof NoAccess ? error.way : null);
    byId("again").hidden = error instanceof NoAccess;
  }
}

byId("again").addEventListener("click", show);
askForKey(show);
await show();
