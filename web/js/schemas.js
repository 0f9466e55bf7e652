// Writes what an OpenAPI document says of parameters and types as tables. Knows JSON Schema. Does not know this API.

import { made } from "./elements.js";

/** @typedef {any} Described a part of an OpenAPI document */
/** @typedef {string | Node} Content */

/** A schema in a few words, with links to the schemas that it uses. @param {Described} schema @returns {Content[]} */
export function kind(schema = {}) {
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
export function table(heads, rows) {
  return made("table", {},
    made("thead", {}, made("tr", {}, ...heads.map((head) => made("th", { scope: "col" }, head)))),
    made("tbody", {}, ...rows.map((row) => made("tr", {}, ...row.map((cell) => made("td", {}, ...cell))))),
  );
}

/** The parameters of an operation, in the URL and in the body. @param {Described} described @returns {Content[]} */
export function parameters(described) {
  const body = described.requestBody?.content?.["application/json"]?.schema ?? {};
  const fields = Object.entries(body.properties ?? {}).map(([name, schema]) => ({
    name, schema, required: body.required?.includes(name), description: /** @type {Described} */ (schema).description ?? "", }));
  /** @type {Content[][][]} */
  const rows = [...described.parameters, ...fields].map((/** @type {Described} */ parameter) => [
    [made("code", {}, parameter.name), parameter.required ? " (required)" : ""],
    kind(parameter.schema),
    [parameter.description, "default" in parameter.schema && parameter.schema.default !== null ? made("span", { class: "soft" }, ` Default: ${parameter.schema.default}.`) : ""],
  ]);
  return rows.length ? [table(["Parameter", "Kind", "Meaning"], rows)] : [];
}

/** The answers of an operation by status. @param {Described} described */
export function answers(described) {
  /** @type {Content[][][]} */
  const rows = Object.entries(described.responses).map(([status, response]) => [
    [status],
    Object.entries(response.content ?? {}).flatMap(([type, { schema }], index) => [index ? ", " : "", made("code", {}, type), " ", ...kind(schema)]),
    [response.description],
  ]);
  return table(["Status", "Answer", "When"], rows);
}

/** The fields of a type. @param {Described} described */
export function fields(described) {
  /** @type {Content[][][]} */
  const rows = Object.entries(described.properties ?? {}).map(([field, of]) => [[made("code", {}, field)], kind(of), [of.description ?? ""]]);
  return table(["Field", "Kind", "Meaning"], rows);
}
