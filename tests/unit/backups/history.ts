import type { Listing } from "../../../domain/archive";
import type { Info } from "../../../domain/pgbackrestInfo";
import { renderPosition, segmentBytes, segmentName } from "../../../domain/wal";

/** Something that happens to a database that archives. */
export type Step =
  | { readonly kind: "write"; readonly segments: number }
  | { readonly kind: "full" | "diff" }
  /** Another member or a rebuilt database takes over in the middle of a segment; `late` ones the old one archives after that. */
  | { readonly kind: "fork"; readonly late: number };

export interface Life {
  readonly info: Info;
  readonly listing: Listing;
  /** Every segment that a restore of the newest state may need, in order. */
  readonly current: readonly string[];
  /** For each backup, in order: its label, and where in `current` its WAL begins and ends. */
  readonly backups: readonly { readonly label: string; readonly first: number; readonly last: number }[];
}

const hash = "dcdc1caca320f2cd9aff4644e563357770c2ee35";
export const id = "17-1";
export const pathOf = (name: string): string => `${id}/${name.slice(0, 16)}/${name}-${hash}.zst`;

const minute = 60;
const firstMoment = 1_700_000_000;

/** Lives a database's life, and returns what its repository holds at the end. A segment is stored each minute. */
export const live = (steps: readonly Step[], key = 1): Life => {
  const files = new Map<string, number>([["archive.info", firstMoment]]);
  const histories = new Map<string, string>();
  const backup: Info["backup"] = [];
  const current: string[] = [];
  const backups: { label: string; first: number; last: number }[] = [];
  let timeline = 1;
  let number = 1;
  let now = firstMoment;
  let full = "";
  let forks = "";

  const archive = () => {
    now += minute;
    const name = segmentName({ timeline, number });
    files.set(pathOf(name), now);
    current.push(name);
    number += 1;
  };
  for (const step of steps) {
    switch (step.kind) {
      case "write":
        for (let count = 0; count < step.segments; count += 1) archive();
        break;
      case "full":
      case "diff": {
        if (step.kind === "full") full = "";
        const label = full === "" ? `F${backup.length}` : `${full}_D${backup.length}`;
        const [start, startedAt, first] = [number * segmentBytes + 40, now, current.length];
        archive();
        archive();
        const stop = number * segmentBytes - 1000;
        backup.push({
          label,
          type: full === "" ? "full" : "diff",
          reference: full === "" ? null : [full],
          archive: { start: current[first] ?? "", stop: current.at(-1) ?? "" },
          lsn: { start: renderPosition(start), stop: renderPosition(stop) },
          timestamp: { start: startedAt, stop: now },
          database: { id: 1, "repo-key": key },
          info: { size: 1000 },
          error: false,
        });
        backups.push({ label, first, last: current.length - 1 });
        if (full === "") full = label;
        break;
      }
      case "fork": {
        const fork = number * segmentBytes + segmentBytes / 2;
        for (let late = 0; late < step.late; late += 1) {
          files.set(pathOf(segmentName({ timeline, number: number + late })), now);
        }
        forks += `${timeline}\t${renderPosition(fork)}\tno recovery target specified\n\n`;
        timeline += 1;
        const path = `${id}/${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
        files.set(path, now);
        histories.set(path, forks);
        break;
      }
    }
  }
  const info: Info = {
    archive: [{ database: { id: 1, "repo-key": key }, id, min: current[0] ?? null, max: current.at(-1) ?? null }],
    backup,
    db: [{ id: 1, "repo-key": key, "system-id": 7_400_000_000_000_000_000, version: "17" }],
    repo: [{ key, status: { code: 0, message: "ok" } }],
  };
  return { info, listing: { files, histories }, current, backups };
};

/** The same archive without some segments. */
export const without = ({ files, histories }: Listing, names: readonly string[]): Listing => {
  const gone = new Set(names.map(pathOf));
  return { files: new Map([...files].filter(([path]) => !gone.has(path))), histories };
};
