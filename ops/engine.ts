import type { UpResult } from "@pulumi/pulumi/automation";
import { forChild } from "./interruption";

/** Longest time for the first answer of Pulumi's state: a backend in a lost region answers nothing. */
const answerSeconds = 30;
const lastLines = 15;
/** A line such as ` ~  kubernetes:core/v1:ConfigMap postgres-settings updated`; the others are decoration. */
const isAboutResource = /^ ?[-+~]{1,2} +\w+:/;

export interface Up {
  /** Asks the cluster first what is still there: it is new. */
  readonly refresh?: boolean;
  readonly message: string;
  readonly say: (progress: string) => void;
  readonly signal: AbortSignal;
}

/** Pulumi on one stack. */
export interface Engine {
  /** Why it can't be used, for its state or its program doesn't answer; `undefined` if it can. */
  readonly fault: () => Promise<string | undefined>;
  /** Makes the stack where the state knows it no more. */
  readonly create: () => Promise<void>;
  /** `pulumi up`, and what it changed. */
  readonly up: (up: Up) => Promise<Record<string, number>>;
}

/** @param project folder with Pulumi.yaml and the stacks' files */
export const openEngine = (project: string, stack: string): Engine => {
  // The Automation API takes half a second to load, which `status` doesn't need.
  const workspace = async () => (await import("@pulumi/pulumi/automation/index.js")).LocalWorkspace;
  const args = { stackName: stack, workDir: project };

  const up = async ({ refresh = false, message, say, signal }: Up): Promise<Record<string, number>> => {
    const selected = await (await workspace()).selectStack(args);
    const output: string[] = [];
    const onOutput = (text: string) => {
      for (const line of text.split("\n").filter((line) => line.trim() !== "")) {
        output.push(line);
        if (isAboutResource.test(line)) say(line.trim());
      }
    };
    const child = forChild(signal);
    let result: UpResult;
    try {
      // A refresh by the program sees the cluster by the configuration as it is now: decision 6.
      result = await selected.up({ refresh, runProgram: refresh, message, onOutput, color: "never", signal: child });
    } catch (error) {
      const lines = [`pulumi up --stack ${stack} failed: ${causeIn(error)}`, ...output.slice(-lastLines)];
      throw new Error(lines.join("\n"), { cause: error });
    }
    return result.summary.resourceChanges ?? {};
  };

  return {
    fault: async () => {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<string>((resolve) => {
        timer = setTimeout(() => {
          resolve(`Pulumi's state doesn't answer within ${answerSeconds} s`);
        }, answerSeconds * 1000);
      });
      const select = async (): Promise<string | undefined> => {
        try {
          await (await workspace()).selectStack(args);
          return undefined;
        } catch (error) {
          return causeIn(error);
        }
      };
      try {
        return await Promise.race([select(), silence]);
      } finally {
        clearTimeout(timer);
      }
    },
    create: async () => {
      await (await workspace()).createOrSelectStack(args);
    },
    up,
  };
};

/** The Automation API's errors carry the command's whole output; what is wrong stands behind `error:`. */
const causeIn = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return /error: (.+)/.exec(text)?.[1] ?? text.trim().split("\n")[0] ?? "it gave no reason";
};
