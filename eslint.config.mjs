import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: [".lab/", "node_modules/"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.mjs", "ops/dr.js"] } } },
    rules: {
      // Numbers and URLs belong into messages as they are.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
    },
  },
  { files: ["eslint.config.mjs", "ops/dr.js", "policies/index.js"], extends: [tseslint.configs.disableTypeChecked] },
  {
    // Node and Pulumi load them before anything that could translate them.
    files: ["ops/dr.js", "policies/index.js"],
    languageOptions: { sourceType: "commonjs", globals: { require: "readonly" } },
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
