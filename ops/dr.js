#!/usr/bin/env node
// What `npx dr` runs; tsx loads the rest as it is.
require("tsx/cjs");
require("./cli.ts").main();
