import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const source = join(__dirname, "postgres");

/** Programs of the image that are written in TypeScript: the file that each becomes, and where it begins. */
const programs = { "fence.js": "fence/main.ts", "jobs.js": "jobs/main.ts" } as const;

/** What the bundles are made of; the image needs none of it. */
const bundled = ["fence", "jobs", "stores", "log.ts"].map((name) => join(source, name));

/** A program as one file: it brings the packages that it uses, and the image needs nothing but Node. */
const bundle = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(source, entry)],
    bundle: true,
    platform: "node",
    target: "node20",
    minifyWhitespace: true,
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
};

/** The image's programs, by the name of the file that each is in. */
export const bundlePrograms = async (): Promise<ReadonlyMap<string, string>> =>
  new Map(
    await Promise.all(Object.entries(programs).map(async ([file, entry]) => [file, await bundle(entry)] as const)),
  );

/** Lays out the context in which the image of Postgres is built. */
export const layOutContext = async (folder: string): Promise<void> => {
  cpSync(source, folder, { recursive: true, filter: (path) => !bundled.includes(path) });
  for (const [file, text] of await bundlePrograms()) writeFileSync(join(folder, file), text);
};
