import { join } from "node:path";
import type { Engine } from "./engine";
import { baseStep, buildImage, ensureBase, type ImageArchive, saveImages, sources } from "./images";
import { contentKey, outputOf, type Step } from "./step";

/** The image of the lab's DNS server, PowerDNS from Debian's packages. */
export async function dnsImage(engine: Engine): Promise<ImageArchive> {
  const log = "build-dns-image";
  const context = sources("dns");
  const key = await contentKey(engine, (await baseStep("bookworm")).key, { path: context }, { path: __filename });
  const image = `localhost/marimo-dr/dns:${key}`;
  const step: Step = {
    name: "dns-image",
    title: "Image of the DNS server",
    expectedSeconds: 20,
    key,
    build: async (directory) => {
      await ensureBase(engine, "bookworm");
      await buildImage({ engine, tag: image, context, log });
      await saveImages(engine, [image], join(directory, "image.tar"), log);
    },
  };
  return { step, images: [image], archive: join(outputOf(step), "image.tar") };
}
