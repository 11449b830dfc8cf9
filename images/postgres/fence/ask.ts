import { request } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fence } from "../../../domain/fence";
import type { Answer } from "./fence";
import { messageOf } from "../log";

const AGAIN_MS = 200;

const connect = (path: string): Promise<NodeJS.ReadableStream> =>
  new Promise((resolve, reject) => {
    request({ socketPath: fence.controlSocket, path }, resolve).on("error", reject).end();
  });

/** The fence starts beside the asker, and may not listen yet. */
const connectPatiently = async (path: string, report: (why: string) => void): Promise<NodeJS.ReadableStream> => {
  for (let told = false; ; told = true) {
    try {
      return await connect(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ECONNREFUSED") throw error;
      if (!told)
        report("the member's fence does not listen yet; if it stays so, see `kubectl logs POD --container fence`");
    }
    await delay(AGAIN_MS);
  }
};

/** The lines of an answer. They end early where the fence breaks off. */
async function* lines(answer: NodeJS.ReadableStream): AsyncGenerator {
  for await (const line of createInterface({ input: answer })) yield JSON.parse(line);
}

/** Asks for the lease, and tells why it is not there yet. A fence that ends meanwhile is started again, and asked again. */
export const askToTake = async (purpose: string, report: (why: string) => void): Promise<Answer> => {
  for (;;) {
    try {
      for await (const line of lines(await connectPatiently(`/take/${purpose}`, report))) {
        const answer = line as Answer | { waiting: string };
        if ("waiting" in answer) report(answer.waiting);
        else return answer;
      }
      report("the member's fence broke off its answer");
    } catch (error) {
      report(`the member's fence broke off its answer (${messageOf(error)})`);
    }
    await delay(AGAIN_MS);
  }
};

export const askForStatus = async (): Promise<unknown> => {
  for await (const status of lines(await connect("/status"))) return status;
  throw new Error("the member's fence broke off its answer: see `kubectl logs POD --container fence`");
};
