import { createReadStream, createWriteStream, renameSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { finished } from "node:stream/promises";
import { bringBack, moveTables, parseTableName, restoredSchema } from "../../domain/extract";
import { names } from "../../domain/names";
import { componentObjectives } from "../../domain/objectives";
import type { Target } from "../../domain/pointInTime";
import { scratch } from "../../domain/scratch";
import type { Step } from "../procedure";
import type { Region } from "../region";

export interface Extraction {
  readonly region: Region;
  /** The member that takes writes. */
  readonly leader: string | undefined;
  readonly options: { readonly into: "scratch" | "primary" };
  readonly target: Target;
  readonly tables: readonly string[];
  /** Takes what the operator is told at the end. */
  readonly tell: (text: string) => void;
}

/** A table may be as large as the database. */
const seconds = componentObjectives.database.rto.seconds;

const psql = (database: string, sql: string): string[] => [
  ...["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1"],
  ...[`--dbname=${database}`, `--command=${sql}`],
];

/**
 * Takes tables out of the scratch database into a file, and with `into: primary` from there into a schema of their own in the
 * database that runs: nothing that is there is changed.
 */
export const extractTables = ({ region, leader, options, target, tables, tell }: Extraction): Step[] => {
  const wanted = tables.map(parseTableName);
  const schema = restoredSchema(target.kind === "time" ? new Date(target.at * 1000) : new Date());
  const file = resolve(`${schema}.dump`);
  const from = region.cluster(scratch.namespace);
  const into = region.cluster();
  const steps: Step[] = [
    {
      title: `${tables.join(", ")}: out of the scratch database, to ${file}`,
      run: async () => {
        const ties = await from.exec(scratch.pod, names.statefulSet, psql(names.database, moveTables(wanted, schema)));
        const partial = `${file}.partial`;
        const stdout = createWriteStream(partial);
        const dump = [
          "pg_dump",
          "--format=custom",
          "--no-owner",
          "--no-privileges",
          `--schema=${schema}`,
          names.database,
        ];
        await from.exec(scratch.pod, names.statefulSet, dump, { seconds, stdout });
        stdout.end();
        await finished(stdout);
        renameSync(partial, file);
        tell(`In ${file}: ${tables.join(", ")}, in schema ${schema}.`);
        if (ties.trim() !== "") tell(`Left out, for whoever puts a table back altogether:\n${ties.trim()}`);
        return { file, bytes: statSync(file).size, ties: ties.trim().split("\n").filter(Boolean) };
      },
    },
  ];
  if (options.into === "primary") {
    steps.push({
      title: `${tables.join(", ")}: into schema ${schema} of the database that runs`,
      run: async () => {
        if (leader === undefined) throw new Error("no member takes writes");
        // Told how long the file is, for the end of its input is not passed on by every API server.
        const load = `head -c ${statSync(file).size} | pg_restore --exit-on-error --single-transaction --no-owner --dbname=${names.database}`;
        await into.exec(leader, names.statefulSet, ["sh", "-c", load], { seconds, stdin: createReadStream(file) });
        tell(`In the database that runs:\n${bringBack(wanted, schema)}`);
        return { schema };
      },
    });
  }
  return steps;
};
