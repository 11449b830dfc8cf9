import assert from "node:assert/strict";
import type { Captured } from "./capture";

/** How many resources there are of each type. */
export const countTypes = (captured: readonly Captured[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { type } of captured) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
};

/** The one resource of that name. */
export const named = (captured: readonly Captured[], name: string): Captured => {
  const [found, ...more] = captured.filter((one) => one.name === name);
  assert.ok(found && more.length === 0, `${name} in ${captured.map((one) => one.name).join(", ")}`);
  return found;
};

export const isComponent = ({ type }: Captured): boolean => type.startsWith("marimo:") || type.startsWith("pulumi:");
