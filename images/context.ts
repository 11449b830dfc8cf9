import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const source = join(__dirname, "postgres");

/** The fence as one file: it brings the packages that it uses, and the image needs nothing but Node. */
export const bundleFence = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(source, "fence", "main.ts")],
    bundle: true,
    platform: "node",
    target: "node20",
    minifyWhitespace: true,
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
};

/** Lays out the context in which the image of Postgres is built. */
export const layOutContext = async (folder: string): Promise<void> => {
  cpSync(source, folder, { recursive: true, filter: (path) => path !== join(source, "fence") });
  writeFileSync(join(folder, "fence.js"), await bundleFence());
};
