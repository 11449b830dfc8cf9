/** Stand-in for the plugin of `@pulumi/random`: RandomPassword (its output `bcryptHash` is missing). */
import { randomInt } from "node:crypto";
import { version } from "@pulumi/random/package.json";
import { GeneratingProvider, type Generated } from "./generated";
import { runProvider } from "./provider";
import type { Values } from "./values";

/** What the official plugin uses: https://www.pulumi.com/registry/packages/random/api-docs/randompassword/#overridespecial_nodejs */
const specialCharacters = "!@#$%&*()-_=+[]{}<>:?";

const classes = [
  { enabled: "lower", minimum: "minLower", characters: "abcdefghijklmnopqrstuvwxyz" },
  { enabled: "upper", minimum: "minUpper", characters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
  { enabled: "numeric", minimum: "minNumeric", characters: "0123456789" },
  { enabled: "special", minimum: "minSpecial", characters: specialCharacters },
] as const;

function pick(characters: string): string {
  return characters.charAt(randomInt(characters.length));
}

/** Fisher and Yates. */
function shuffle(items: string[]): string[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other] ?? "", items[last] ?? ""];
  }
  return items;
}

export function randomText(inputs: Values): string {
  const override = inputs["overrideSpecial"];
  const allowed = classes
    .filter(({ enabled }) => inputs[enabled] !== false)
    .map(({ enabled, minimum, characters }) => ({
      characters: enabled === "special" && typeof override === "string" && override !== "" ? override : characters,
      minimum: Number(inputs[minimum] ?? 0),
    }));
  const length = Number(inputs["length"]);
  const required = allowed.flatMap(({ characters, minimum }) =>
    Array.from({ length: minimum }, () => pick(characters)),
  );
  const all = allowed.map(({ characters }) => characters).join("");
  if (!(length >= 1) || required.length > length || all === "") {
    throw new Error(
      `length is ${length}: it must be at least 1 and at least the sum of the minimums (${required.length}), and one of lower, upper, numeric, special must be true.`,
    );
  }
  const rest = Array.from({ length: length - required.length }, () => pick(all));
  return shuffle([...required, ...rest]).join("");
}

const textDefaults = {
  ...{ lower: true, upper: true, number: true, numeric: true, special: true },
  ...{ minLower: 0, minUpper: 0, minNumeric: 0, minSpecial: 0 },
};

const randomPassword: Generated = {
  defaults: textDefaults,
  required: ["length"],
  outputs: ["result"],
  secretOutputs: ["result"],
  generate: (inputs) => ({ id: "none", outputs: { result: randomText(inputs) } }),
};

const types = new Map<string, Generated>([["random:index/randomPassword:RandomPassword", randomPassword]]);

if (require.main === module) runProvider(() => new GeneratingProvider("random", version, types));
