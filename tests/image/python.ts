import { execFileSync } from "node:child_process";
import { join } from "node:path";

const image = join(__dirname, "../../images/postgres");

/**
 * Calls a function of the image's Python tools once per case, all in one interpreter.
 *
 * @param program Python that defines `answer(case)`, which gets and returns what JSON can say.
 * @throws Error with Python's traceback.
 */
export const askPython = <Answer>(program: string, cases: readonly unknown[]): Answer[] => {
  const script = `import json, sys\n${program}\nprint(json.dumps([answer(case) for case in json.load(sys.stdin)]))\n`;
  const output = execFileSync("python3", ["-c", script], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: image, PYTHONDONTWRITEBYTECODE: "1" },
  });
  return JSON.parse(output) as Answer[];
};
