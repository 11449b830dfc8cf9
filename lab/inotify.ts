import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";

const key = "fs.inotify.max_user_instances";
const file = "/proc/sys/fs/inotify/max_user_instances";

/**
 * Objects by which the programs of one user watch files. All of a node's are root's, so both regions share them with whatever else
 * root runs. Two regions at rest hold 54 (`find /proc -maxdepth 3 -lname anon_inode:inotify | wc -l`), and each log that is
 * followed takes more. Kernels begin with 128; kind asks for 512:
 * https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
 */
const needed = 512;

/** What is to be done about the kernel's limit, given its value (`undefined` where this system has none) and the user. */
export type Remedy =
  | { readonly kind: "none" }
  | { readonly kind: "raise"; readonly title: string }
  | { readonly kind: "ask"; readonly why: string };

export function remedyFor(value: number | undefined, uid: number | undefined): Remedy {
  if (value === undefined || value >= needed) return { kind: "none" };
  if (uid === 0) return { kind: "raise", title: `${key} is ${value}; raising it to ${needed} until the next boot` };
  return { kind: "ask", why: explain(value) };
}

const explain = (value: number): string =>
  `${key} is ${value}, and two regions need ${needed}. With fewer, kubelet and others can't watch their files, and pods fail ` +
  `with "too many open files". Raise it as root, then try again: sysctl ${key}=${needed}`;

/** What this machine needs. */
export function inotifyRemedy(): Remedy {
  const value = existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined;
  return remedyFor(value, process.getuid?.());
}

/** @throws Error where root may not do it either, as in a container */
export async function raiseInotify(): Promise<void> {
  try {
    await writeFile(file, String(needed));
  } catch (error) {
    throw new Error(`${explain(Number(readFileSync(file, "utf8")))}, outside of this container`, { cause: error });
  }
}
