import { createRegion, destroyRegion } from "./regions";
async function t(n: string, f: () => Promise<unknown>) { const b = Date.now(); await f(); console.log(n, ((Date.now()-b)/1000).toFixed(1)); }
async function main() {
  await t("destroy", () => destroyRegion("secondary"));
  await t("create", () => createRegion("secondary"));
}
void main();
