import { readFile } from "node:fs/promises";
import { z } from "zod";
import { fence, parseWords, type Synchronous, synchronousModes, type Word } from "../../../domain/fence";

/** What the settings that the region's members share ask of the fence. */
export interface Wanted {
  /** `unknown`: this member has no database yet, and so no copy of them. */
  readonly role: "primary" | "standby" | "unknown";
  readonly confirmLost: string;
  readonly words: readonly Word[];
  readonly synchronous: Synchronous;
}

const SharedSettings = z.looseObject({
  standby_cluster: z.unknown().optional(),
  [fence.wordsKey]: z.string().optional(),
  [fence.synchronousKey]: z.enum(synchronousModes).optional(),
});

/** What is known before there is a database. */
export const unknown: Wanted = { role: "unknown", confirmLost: "", words: [], synchronous: "off" };

/** @throws Error where the file is there and can't be read */
export const readWanted = async (): Promise<Wanted> => {
  let text: string;
  try {
    text = await readFile(fence.sharedSettings, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return unknown;
    throw error;
  }
  const settings = SharedSettings.parse(JSON.parse(text));
  const { standby_cluster: follows, [fence.wordsKey]: confirmLost = "" } = settings;
  return {
    role: follows === undefined || follows === null ? "primary" : "standby",
    confirmLost,
    words: parseWords(confirmLost),
    synchronous: settings[fence.synchronousKey] ?? "off",
  };
};
