import { messageOf, say } from "../log";

/** What `jobs.js` is called with. Each is loaded when it is asked for: together they take a second. */
const commands: Record<string, () => Promise<number>> = {
  dump: async () => (await import("./dump.js")).dump(),
  load: async () => (await import("./load.js")).load(),
  verify: async () => (await import("./verify.js")).verify(),
  metrics: async () => (await import("./metrics.js")).metrics(),
};

const [, , name = ""] = process.argv;
const command = commands[name];
if (command === undefined) {
  say(`jobs: "${name}" is none of ${Object.keys(commands).join(", ")}`);
  process.exit(2);
}
command().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`jobs ${name}: ${messageOf(error)}`);
    process.exit(1);
  },
);
