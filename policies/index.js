// Pulumi's runner of policy packs compiles TypeScript by itself, and checks the types of the whole program with each run. What
// is registered later comes first: tsx, as in Pulumi.yaml.
require("tsx/cjs/api").register();
require("./main.ts");
