import type { Repository } from "../../../domain/repository";
import { askForStatus, askToTake } from "./ask";
import { Fence } from "./fence";
import { GcsLeaseVault } from "./gcs";
import { messageOf, say } from "./log";
import { S3LeaseVault } from "./s3";
import { serveControl, serveWritable } from "./servers";
import { member, settings } from "./settings";
import type { LeaseVault } from "./vault";

const vaultOf = (repository: Repository): LeaseVault =>
  repository.name === "s3"
    ? new S3LeaseVault(repository, settings().object)
    : new GcsLeaseVault(repository, settings().object);

const serve = async (): Promise<number> => {
  const kept = new Fence(settings(), member, settings().repositories.map(vaultOf));
  const ended = new AbortController();
  process.on("SIGTERM", () => {
    ended.abort();
  });
  const servers = [serveWritable(kept), serveControl(kept)];
  say(`fence of region ${settings().region}, fencing ${settings().fencing}`);
  await kept.run(ended.signal);
  for (const server of servers) server.close();
  return 0;
};

const take = async (purpose: string): Promise<number> => {
  const answer = await askToTake(purpose, (why) => {
    say(`fence: waiting: ${why}`);
  });
  if (answer.granted) return 0;
  say(answer.why);
  return 1;
};

const status = async (): Promise<number> => {
  console.log(JSON.stringify(await askForStatus()));
  return 0;
};

/** What `marimo-fence` is called with. */
const commands: Record<string, () => Promise<number>> = {
  serve,
  status,
  "may-promote": () => take("promotion"),
  "may-start": () => take("start"),
};

const [, , name = ""] = process.argv;
const command = commands[name];
if (command === undefined) {
  say(`marimo-fence: "${name}" is none of ${Object.keys(commands).join(", ")}`);
  process.exit(2);
}
command().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`marimo-fence ${name}: ${messageOf(error)}`);
    process.exit(1);
  },
);
