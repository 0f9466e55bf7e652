// What is checked of the page's scripts besides their types.
const js = require("@eslint/js");
const globals = require("globals");

module.exports = [
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
    rules: {
      curly: ["error", "multi-line"], eqeqeq: ["error", "always", { null: "ignore" }], "no-var": "error", "prefer-const": "error",
      "no-eval": "error", "no-implied-eval": "error", "no-restricted-properties": ["error", { property: "innerHTML", message: "text is no markup" }],
    },
  },
];
