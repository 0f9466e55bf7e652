// The page that shows the OpenAPI document: its operations, their parameters, and what answers are made of. Knows OpenAPI;
// refuses to know this API.

import { ask, keepKey, NoAccess } from "./ask.js";

/** @param {string} id */
const byId = (id) => /** @type {any} */ (document.getElementById(id));

/** An element with a class or without, holding texts and elements. */
function made(tag, content, className = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...[content].flat());
  return element;
}

/** A schema in a few words, with links to those that it refers to. @returns {(string | Node)[]} */
function kind(schema = {}) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    const link = made("a", name);
    link.href = `#${name}`;
    return [link];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((choice, index) => [...(index ? [" or "] : []), ...kind(choice)]);
  if (schema.enum ?? schema.const) return [[schema.const ?? schema.enum].flat().join(", ")];
  if (schema.type === "array") return ["list of ", ...kind(schema.items)];
  const bounds = "minimum" in schema || "maximum" in schema ? ` ${schema.minimum ?? "…"} to ${schema.maximum ?? "…"}` : "";
  return [`${schema.type ?? "anything"}${bounds}`];
}

function table(heads, rows) {
  return made("table", [
    made("thead", made("tr", heads.map((head) => made("th", head)))),
    made("tbody", rows.map((row) => made("tr", row.map((cell) => made("td", cell))))),
  ]);
}

function operation(path, method, described) {
  const rows = described.parameters.map((parameter) => [
    [made("code", parameter.name), parameter.required ? " (needed)" : ""],
    kind(parameter.schema),
    [parameter.description, "default" in parameter.schema ? made("span", ` Default: ${parameter.schema.default}.`, "soft") : ""],
  ]);
  const answers = Object.entries(described.responses).map(([status, response]) => [
    status,
    Object.entries(response.content ?? {}).flatMap(([type, { schema }], index) => [...(index ? [", "] : []), made("code", type), " ", ...kind(schema)]),
    response.description,
  ]);
  return made("section", [
    made("h2", made("code", `${method.toUpperCase()} ${path}`)),
    made("p", described.summary),
    made("p", `For: ${(described["x-callers"] ?? []).join(", ")}`, "soft"),
    ...(rows.length ? [table(["Parameter", "Kind", "Meaning"], rows)] : []),
    table(["Status", "Answer", "When"], answers),
  ]);
}

function schema(name, described) {
  const section = made("section", [
    made("h3", made("code", name)),
    made("p", described.description ?? ""),
    table(
      ["Field", "Kind", "Meaning"],
      Object.entries(described.properties ?? {}).map(([field, of]) => [made("code", field), kind(of), of.description ?? ""]),
    ),
  ]);
  section.id = name;
  return section;
}

async function show() {
  try {
    const api = await ask("/v1/openapi.json");
    byId("problem").hidden = true;
    byId("about").textContent = api.info.description;
    byId("operations").replaceChildren(
      ...Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => operation(path, method, described))),
    );
    byId("schemas").replaceChildren(...Object.entries(api.components.schemas).map(([name, described]) => schema(name, described)));
  } catch (error) {
    byId("problem").hidden = false;
    byId("problem-text").textContent = error.message;
    byId("access").hidden = !(error instanceof NoAccess);
    byId("again").hidden = error instanceof NoAccess;
  }
}

byId("again").addEventListener("click", show);
byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(byId("access-key").value);
  show();
});
await show();
