import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { globalKeys } from "../config/globalKeys";
import { type Key, regionKeys } from "../config/keys";
import type { StackFiles } from "./rule";

/** What a stack reads where its file says nothing. */
const defaultsOf = (role: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries<Key<unknown>>(role === "global" ? globalKeys : regionKeys).flatMap(([name, key]) =>
      key.default ? [[name, key.default]] : [],
    ),
  );

/** The configuration of every stack whose file lies in a folder, with defaults, and without the project's prefix. */
export const readStackFiles = (folder: string): StackFiles =>
  Object.fromEntries(
    readdirSync(folder).flatMap((file) => {
      const stack = /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];
      if (stack === undefined) return [];
      const { config } = parse(readFileSync(join(folder, file), "utf8")) as { config?: Record<string, unknown> };
      const given = Object.fromEntries(
        Object.entries(config ?? {}).map(([key, value]) => [
          key.replace(/^[^:]*:/, ""),
          // Pulumi hands every plain value over as text.
          typeof value === "number" || typeof value === "boolean" ? String(value) : value,
        ]),
      );
      return [[stack, { ...defaultsOf(given["role"]), ...given }]];
    }),
  );
