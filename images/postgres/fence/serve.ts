import type { Repository } from "../../../domain/repository";
import { Fence } from "./fence";
import { GcsLeaseVault } from "./gcs";
import { say } from "../log";
import { S3LeaseVault } from "./s3";
import { serveControl, serveWritable } from "./servers";
import { member, settings } from "./settings";
import type { LeaseVault } from "./vault";

const vaultOf =
  (object: string) =>
  (repository: Repository): LeaseVault =>
    repository.name === "s3" ? new S3LeaseVault(repository, object) : new GcsLeaseVault(repository, object);

/** Keeps the member's fence until it is told to end. */
export const serve = async (): Promise<number> => {
  const kept = new Fence(settings, member, settings.repositories.map(vaultOf(settings.object)));
  const ended = new AbortController();
  process.on("SIGTERM", () => {
    ended.abort();
  });
  const servers = [serveWritable(kept), serveControl(kept)];
  say(`fence of region ${settings.region}, fencing ${settings.fencing}`);
  await kept.run(ended.signal);
  for (const server of servers) server.close();
  return 0;
};
