import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

/**
 * Compares with the file `tests/stacks/golden/NAME.yaml`, which a reviewer reads as a diff. `UPDATE_GOLDEN=1` writes it
 * anew; in CI that is refused, or the comparison could not fail.
 */
export const assertGolden = (name: string, value: unknown): void => {
  const file = join(__dirname, "../stacks/golden", `${name}.yaml`);
  const actual = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
  if (process.env["UPDATE_GOLDEN"] && !process.env["CI"]) writeFileSync(file, actual);
  assert.ok(existsSync(file), `${file} is missing; write it with UPDATE_GOLDEN=1 npm run test:unit`);
  assert.equal(actual, readFileSync(file, "utf8"), `${name} differs; if it should, UPDATE_GOLDEN=1 npm run test:unit`);
};
