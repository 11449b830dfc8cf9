import { askForStatus, askToTake } from "./ask";
import { messageOf, say } from "../log";

// Loaded here: the clouds' SDKs take longer to start than a promotion should wait for its question.
const serve = async (): Promise<number> => (await import("./serve.js")).serve();

const take = async (purpose: string): Promise<boolean> => {
  const answer = await askToTake(purpose, (why) => {
    say(`fence: waiting: ${why}`);
  });
  if (!answer.granted) say(answer.why);
  return answer.granted;
};

const mayPromote = async (): Promise<number> => ((await take("promotion")) ? 0 : 1);

/** A member without database has no copy of the settings, so the operator's words come with the question. */
const mayStart = async (words = ""): Promise<number> => ((await take(`start/${words}`)) ? 0 : 1);

const status = async (): Promise<number> => {
  console.log(JSON.stringify(await askForStatus()));
  return 0;
};

/** What `marimo-fence` is called with. */
const commands: Record<string, (argument?: string) => Promise<number>> = {
  serve,
  status,
  "may-promote": mayPromote,
  "may-start": mayStart,
};

const [, , name = "", argument] = process.argv;
const command = commands[name];
if (command === undefined) {
  say(`marimo-fence: "${name}" is none of ${Object.keys(commands).join(", ")}`);
  process.exit(2);
}
command(argument).then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`marimo-fence ${name}: ${messageOf(error)}`);
    process.exit(1);
  },
);
