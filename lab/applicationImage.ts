import { join } from "node:path";
import { applicationNames } from "../domain/application";
import type { Engine } from "./engine";
import { baseStep, buildImage, ensureBase, type ImageArchive, saveImages, sources } from "./images";
import { run } from "./process";
import { contentKey, outputOf, type Step } from "./step";

/** The stand-ins of the application tier, in the order of `applicationNames`. */
export async function applicationImages(engine: Engine): Promise<ImageArchive> {
  const log = "build-application-images";
  const context = sources("application");
  const key = await contentKey(engine, (await baseStep("bookworm")).key, { path: context }, { path: __filename });
  const images = applicationNames.map((name) => `docker.io/marimo-dr/${name}-stand-in:${key}`);
  const step: Step = {
    name: "application-images",
    title: "Stand-ins of the application tier",
    expectedSeconds: 10,
    key,
    build: async (directory) => {
      await ensureBase(engine, "bookworm");
      for (const [n, target] of applicationNames.entries()) {
        await buildImage({ engine, tag: images[n] ?? "", context, target, log });
      }
      await saveImages(engine, images, join(directory, "image.tar"), log);
      await run(engine, ["rmi", "--force", ...images], { log });
    },
  };
  return { step, images, archive: join(outputOf(step), "image.tar") };
}
