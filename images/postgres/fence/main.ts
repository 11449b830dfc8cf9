import { askForStatus, askToTake } from "./ask";
import { messageOf, say } from "./log";

// Loaded here: the clouds' SDKs take longer to start than a promotion should wait for its question.
const serve = async (): Promise<number> => (await import("./serve.js")).serve();

const take = async (purpose: string): Promise<boolean> => {
  const answer = await askToTake(purpose, (why) => {
    say(`fence: waiting: ${why}`);
  });
  if (!answer.granted) say(answer.why);
  return answer.granted;
};

const mayPromote = async (): Promise<number> => {
  if (await take("promotion")) return 0;
  // Patroni, whose child this is, would remember the refusal and leave the next promotion to a member that follows nobody.
  process.kill(process.ppid, "SIGTERM");
  return 1;
};

const mayStart = async (): Promise<number> => ((await take("start")) ? 0 : 1);

const status = async (): Promise<number> => {
  console.log(JSON.stringify(await askForStatus()));
  return 0;
};

/** What `marimo-fence` is called with. */
const commands: Record<string, () => Promise<number>> = {
  serve,
  status,
  "may-promote": mayPromote,
  "may-start": mayStart,
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
