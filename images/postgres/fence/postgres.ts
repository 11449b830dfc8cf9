import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Client } from "pg";
import { z } from "zod";
import { fence, type FenceStatus, lsnBytes, type Synchronous } from "../../../domain/fence";
import { names } from "../../../domain/names";
import { paths } from "../../../domain/paths";
import { messageOf, say } from "./log";

export type PostgresState = FenceStatus["postgres"];

const QUERY_MS = 2000;
/** Longer than the lease's time: a commit that waits for the gate goes on when the gate opens again. */
const COMMIT_MS = 60_000;

/** A primary's timeline is that of its WAL; its control file may not know it yet after a promotion. */
const stateQuery = `
  SELECT pg_is_in_recovery() AS follows,
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn,
         CASE WHEN pg_is_in_recovery()
              THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))
              ELSE ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int END AS timeline,
         pg_last_wal_receive_lsn()::text AS received,
         (SELECT status FROM pg_stat_wal_receiver) = 'streaming' AS streaming,
         to_regclass('${fence.heartbeatSchema}.heartbeat') IS NOT NULL AS beats`;

interface StateRow {
  readonly follows: boolean;
  readonly lsn: string | null;
  readonly received: string | null;
  readonly streaming: boolean | null;
  readonly timeline: number;
  readonly beats: boolean;
}

/** How far the standbys of this region, and the other region by its slot, have WAL on their disks. */
const flushedQuery = `
  SELECT max(r.flush_lsn) FILTER (WHERE s.slot_name IS DISTINCT FROM '${names.otherRegionSlot}'
                                    AND r.application_name <> '${fence.gate}')::text AS region,
         max(r.flush_lsn) FILTER (WHERE s.slot_name = '${names.otherRegionSlot}')::text AS "cross-region"
    FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid`;

/** What `marimo-archive-end` prints. */
const ArchiveEnd = z.object({
  repositories: z.record(z.string(), z.object({ reached: z.enum(["yes", "within", "no"]).optional() })),
});

/** Applications come over the network; Patroni, `watch` and this fence by the socket. */
const endClients = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
   WHERE backend_type = 'client backend' AND client_addr IS NOT NULL`;

const createHeartbeat = `
  CREATE SCHEMA IF NOT EXISTS ${fence.heartbeatSchema};
  CREATE TABLE IF NOT EXISTS ${fence.heartbeatSchema}.heartbeat (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), beat bigint NOT NULL, at timestamptz NOT NULL);
  INSERT INTO ${fence.heartbeatSchema}.heartbeat (beat, at) VALUES (0, now()) ON CONFLICT DO NOTHING`;

const beat = `UPDATE ${fence.heartbeatSchema}.heartbeat SET beat = beat + 1, at = clock_timestamp()`;
const readBeat = `SELECT beat::int8 AS beat FROM ${fence.heartbeatSchema}.heartbeat`;

/** One session with the member's own database, made anew whenever it was lost. */
class Session {
  private client: Client | undefined;

  constructor(private readonly database: string) {}

  /** @throws Error where the database doesn't answer in time */
  async query<Row extends object>(sql: string, milliseconds = QUERY_MS): Promise<Row[]> {
    this.client ??= await this.connect();
    try {
      return (await this.client.query<Row>({ text: sql, query_timeout: milliseconds } as { text: string })).rows;
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  drop(): void {
    const client = this.client;
    this.client = undefined;
    client?.end().catch(() => undefined);
    (client as unknown as { connection: { stream: { destroy(): void } } } | undefined)?.connection.stream.destroy();
  }

  private async connect(): Promise<Client> {
    const client = new Client({
      host: paths.socket,
      user: names.superuser,
      database: this.database,
      application_name: "marimo_fence",
      connectionTimeoutMillis: QUERY_MS,
    });
    client.on("error", () => {
      if (this.client === client) this.drop();
    });
    await client.connect();
    return client;
  }
}

const run = promisify(execFile);

/** The member's own database, as its fence sees and touches it. */
export class Postgres {
  constructor(private readonly member: string) {}

  private readonly watching = new Session(names.superuser);
  private readonly following = new Session(names.superuser);
  private readonly beating = new Session(names.database);
  private readonly reading = new Session(names.database);
  private isBeating = false;
  private hasHeartbeat = false;

  async state(): Promise<PostgresState> {
    let row: StateRow | undefined;
    try {
      [row] = await this.reading.query<StateRow>(stateQuery);
    } catch {
      // The database of the applications may not be there yet, while it is being made.
      try {
        [row] = await this.watching.query<StateRow>(stateQuery);
      } catch {
        return { state: "down" };
      }
    }
    if (row === undefined) return { state: "down" };
    return {
      state: row.follows ? "standby" : "primary",
      ...(row.lsn !== null && {
        position: {
          member: this.member,
          timeline: row.timeline,
          lsn: row.lsn,
          beat: row.beats ? await this.readBeat() : 0,
        },
      }),
      ...(row.follows && {
        streaming: row.streaming === true,
        ...(row.received !== null && { received: row.received }),
      }),
    };
  }

  /** Commits the next heartbeat. It waits as all commits do while the gate is closed; there is never more than one. */
  async beat(): Promise<void> {
    if (this.isBeating) return;
    this.isBeating = true;
    try {
      if (!this.hasHeartbeat) await this.beating.query(createHeartbeat, COMMIT_MS);
      this.hasHeartbeat = true;
      await this.beating.query(beat, COMMIT_MS);
    } finally {
      this.isBeating = false;
    }
  }

  /** Up to where a commit is on the disks that `mode` asks for; nothing where no such member is connected. */
  async flushed(mode: Exclude<Synchronous, "off">): Promise<bigint | undefined> {
    const [row] = await this.following.query<Record<typeof mode, string | null>>(flushedQuery);
    const lsn = row?.[mode];
    return lsn === undefined || lsn === null ? undefined : lsnBytes(lsn);
  }

  /** Ends the applications' sessions: their commits would wait for ever, and one that is cancelled is answered as made. */
  async endClients(): Promise<number> {
    return (await this.watching.query(endClients)).length;
  }

  /** Where the record of a clean shutdown begins; nothing while the database runs or was not shut down cleanly. */
  async shutDownAt(): Promise<string | undefined> {
    const { stdout } = await run(`${paths.binaries}/pg_controldata`, [paths.pgdata], { env: { LC_ALL: "C" } });
    const value = (label: string) =>
      stdout
        .split("\n")
        .find((line) => line.startsWith(label))
        ?.slice(label.length)
        .trim();
    return value("Database cluster state:") === "shut down" ? value("Latest checkpoint location:") : undefined;
  }

  /**
   * Repositories that hold more WAL of this timeline than the member has replayed. One that can't be read is left out: a
   * promotion must not depend on a store that may be gone.
   */
  async archivedBeyond(): Promise<string[]> {
    let output: string;
    try {
      output = (await run("marimo-archive-end", [])).stdout;
    } catch (error) {
      say(`marimo-archive-end: ${messageOf(error)}`);
      return [];
    }
    const { repositories } = ArchiveEnd.parse(JSON.parse(output));
    return Object.entries(repositories).flatMap(([name, { reached }]) => (reached === "no" ? [name] : []));
  }

  private async readBeat(): Promise<number> {
    const [row] = await this.reading.query<{ beat: string }>(readBeat);
    return Number(row?.beat ?? 0);
  }
}
