import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Client } from "pg";
import { z } from "zod";
import { fence, type FenceStatus, lsnBytes, type Synchronous } from "../../../domain/fence";
import { names } from "../../../domain/names";
import { paths } from "../../../domain/paths";
import { messageOf, say } from "../log";

export type PostgresState = FenceStatus["postgres"];

const QUERY_MS = 2000;
/** Longer than the lease's time: a commit that waits for the gate goes on when the gate opens again. */
const COMMIT_MS = 60_000;

/** A primary's timeline is that of its WAL; its control file may not know it yet after a promotion. */
const stateQuery = `
  SELECT pg_is_in_recovery() AS follows,
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn,
         CASE WHEN pg_is_in_recovery()
              THEN greatest((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()),
                            (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
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
  private client: Promise<Client> | undefined;

  constructor(private readonly database: string) {}

  /** @throws Error where the database doesn't answer in time */
  async query<Row extends object>(sql: string, milliseconds = QUERY_MS): Promise<Row[]> {
    const connecting = (this.client ??= this.connect());
    try {
      const client = await connecting;
      return (await client.query<Row>({ text: sql, query_timeout: milliseconds } as { text: string })).rows;
    } catch (error) {
      this.drop(connecting);
      throw error;
    }
  }

  /** Forgets a session that failed; whoever asks next gets a new one. */
  private drop(session: Promise<Client>): void {
    if (this.client === session) this.client = undefined;
    session.then(
      (client) => {
        client.end().catch(() => undefined);
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      },
      () => undefined,
    );
  }

  private async connect(): Promise<Client> {
    const client = new Client({
      host: paths.socket,
      user: names.superuser,
      database: this.database,
      application_name: "marimo_fence",
      connectionTimeoutMillis: QUERY_MS,
    });
    // Told to the statement under way, or to the next one.
    client.on("error", () => undefined);
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
    try {
      return await this.stateBy(this.reading);
    } catch {
      // The database of the applications may not be there yet, while it is being made.
      try {
        return await this.stateBy(this.watching);
      } catch {
        return { state: "down" };
      }
    }
  }

  private async stateBy(session: Session): Promise<PostgresState> {
    const [row] = await session.query<StateRow>(stateQuery);
    if (row === undefined) return { state: "down" };
    const [count] = row.beats ? await session.query<{ beat: string }>(readBeat) : [];
    return {
      state: row.follows ? "standby" : "primary",
      ...(row.lsn !== null && {
        position: { member: this.member, timeline: row.timeline, lsn: row.lsn, beat: Number(count?.beat ?? 0) },
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
    } catch (error) {
      // It may be that somebody dropped the table.
      this.hasHeartbeat = false;
      throw error;
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
}
