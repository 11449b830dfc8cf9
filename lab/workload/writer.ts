import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Client, DatabaseError } from "pg";
import {
  abandon,
  clientConfig,
  type ConnectionSource,
  resolveConnection,
  serverOf,
  withClient,
  withTimeout,
} from "./connection";
import { clock, type Commit, Ledger } from "./ledger";
import { Random } from "./random";
import { acknowledgedWrites } from "./schema";
import { noteWords } from "./vocabulary";

export interface WriterOptions {
  /** Sessions that write at once. @default 4 */
  readonly sessions?: number;
  /** Commits per second of all sessions together. @default as many as the server takes */
  readonly commitsPerSecond?: number;
}

export interface WriterSummary {
  readonly run: string;
  readonly acknowledgedRows: number;
  readonly unknownRows: number;
  readonly refusedRows: number;
}

export interface Writer {
  /** Identifies this run's rows in the table `acknowledged_writes`. */
  readonly run: string;
  /** Rows acknowledged so far. */
  readonly acknowledgedRows: () => number;
  /** The newest acknowledgement. */
  readonly newest: () => Commit | undefined;
  /** When the first commit was acknowledged, in milliseconds since 1970. Pending until then, even when stopped before. */
  readonly firstAcknowledgement: Promise<number>;
  /** Lets the commits under way come to their end, closes the ledger and says what is in it. */
  readonly stop: () => Promise<WriterSummary>;
}

/** A commit that takes longer counts as one without an answer. */
const COMMIT_TIMEOUT_MS = 10_000;
/** Between attempts to connect, so that a region that is down is not hammered. */
const RECONNECT_PAUSE_MS = 200;
/** Every session sends transactions of 1, 2, 3 and again 1 rows. */
const MOST_ROWS = 3;

/**
 * Writes rows to the table `acknowledged_writes` until it is stopped, and records in the new file `ledgerPath` what the
 * server answered to each commit. Lost connections are made anew, to wherever the source then points.
 *
 * @throws Error when the first connection fails or the file exists
 */
export async function startWriter(
  source: ConnectionSource,
  ledgerPath: string,
  options: WriterOptions = {},
): Promise<Writer> {
  await withClient(source, (client) => client.query(acknowledgedWrites));
  const writing = new Writing(source, new Ledger(ledgerPath), options);
  return {
    run: writing.run,
    acknowledgedRows: () => writing.acknowledgedRows,
    newest: () => writing.newest,
    firstAcknowledgement: writing.firstAcknowledgement,
    stop: () => writing.stop(),
  };
}

/** An open session, and the server at its other end. */
interface Connected {
  readonly client: Client;
  readonly server: string;
}

class Writing {
  readonly run = randomUUID();
  acknowledgedRows = 0;
  newest: Commit | undefined;
  private unknownRows = 0;
  private refusedRows = 0;
  private nextId = 1;
  private readonly stopping = new AbortController();
  /** Connections lost between two commits, with the reason. Nothing was under way on them. */
  private readonly broken = new WeakMap<Client, string>();
  private readonly sessions: Promise<unknown>;
  private announceFirst: (at: number) => void = () => undefined;
  readonly firstAcknowledgement = new Promise<number>((resolve) => {
    this.announceFirst = resolve;
  });

  constructor(
    private readonly source: ConnectionSource,
    private readonly ledger: Ledger,
    { sessions = 4, commitsPerSecond = Infinity }: WriterOptions,
  ) {
    ledger.append({ type: "start", run: this.run, at: clock() });
    const interval = (1000 * sessions) / commitsPerSecond;
    this.sessions = Promise.all(Array.from({ length: sessions }, (_, session) => this.session(session, interval)));
  }

  async stop(): Promise<WriterSummary> {
    this.stopping.abort();
    await this.sessions;
    this.ledger.append({ type: "stop", at: clock() });
    this.ledger.close();
    const { run, acknowledgedRows, unknownRows, refusedRows } = this;
    return { run, acknowledgedRows, unknownRows, refusedRows };
  }

  /** Keeps one session writing until the writer is stopped. */
  private async session(session: number, interval: number): Promise<void> {
    const random = new Random(session, 0);
    while (!this.stopping.signal.aborted) {
      const connected = await this.connect(session);
      if (connected === undefined) continue;
      try {
        await this.writeUntilDisconnected(connected, session, random, interval);
      } finally {
        abandon(connected.client);
      }
    }
  }

  private async connect(session: number): Promise<Connected | undefined> {
    try {
      const client = new Client(clientConfig(await resolveConnection(this.source)));
      client.on("error", (error) => this.broken.set(client, error.message));
      let server: string;
      try {
        await client.connect();
        server = await withTimeout(serverOf(client), COMMIT_TIMEOUT_MS);
      } catch (error) {
        abandon(client);
        throw error;
      }
      this.ledger.append({ type: "connected", session, at: clock() });
      return { client, server };
    } catch (error) {
      this.ledger.append({ type: "disconnected", session, at: clock(), reason: messageOf(error) });
      await this.pause(RECONNECT_PAUSE_MS);
      return undefined;
    }
  }

  private async writeUntilDisconnected(connected: Connected, session: number, random: Random, interval: number) {
    for (let turn = 0; !this.stopping.signal.aborted; turn++) {
      const start = clock();
      const rows = (turn % MOST_ROWS) + 1;
      const problem = this.broken.get(connected.client) ?? (await this.commit(connected, session, rows, random));
      if (problem !== undefined) {
        this.ledger.append({ type: "disconnected", session, at: clock(), reason: problem });
        await this.pause(RECONNECT_PAUSE_MS);
        return;
      }
      if (interval > 0) await this.pause(interval - (clock() - start));
    }
  }

  /**
   * Writes that many rows in one transaction.
   * @returns why the session must end, or `undefined` when it goes on
   */
  private async commit(
    { client, server }: Connected,
    session: number,
    rows: number,
    random: Random,
  ): Promise<string | undefined> {
    const first = this.nextId;
    this.nextId += rows;
    const payloads = Array.from({ length: rows }, () => payload(random));
    const sent = clock();
    try {
      // One statement is one transaction: all of its rows are committed when it is answered, or none.
      await withTimeout(
        client.query({
          name: "write",
          text: `INSERT INTO acknowledged_writes (run, id, session, payload)
                 SELECT $1, $2::bigint + row - 1, $3, text FROM unnest($4::text[]) WITH ORDINALITY AS rows (text, row)`,
          values: [this.run, first, session, payloads],
        }),
        COMMIT_TIMEOUT_MS,
      );
      const at = clock();
      this.newest = { type: "acknowledged", first, rows, sent, at, server };
      this.ledger.append(this.newest);
      this.acknowledgedRows += rows;
      this.announceFirst(at);
      return undefined;
    } catch (error) {
      const reason = messageOf(error);
      if (isRefusal(error)) {
        this.ledger.append({ type: "refused", first, rows, at: clock(), reason });
        this.refusedRows += rows;
      } else {
        this.ledger.append({ type: "unknown", first, rows, sent, at: clock(), reason });
        this.unknownRows += rows;
      }
      return reason;
    }
  }

  /** Ends early when the writer is stopped. */
  private async pause(milliseconds: number): Promise<void> {
    const { signal } = this.stopping;
    if (milliseconds <= 0 || signal.aborted) return;
    await delay(milliseconds, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/**
 * Whether the server said that it did not commit. An ERROR ends the transaction before its commit record; FATAL and PANIC
 * end the session at any point, even after it.
 */
const isRefusal = (error: unknown): boolean => error instanceof DatabaseError && error.severity === "ERROR";

const messageOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));

/** Text of an order's width, as compressible as one. */
function payload(random: Random): string {
  const words = Array.from({ length: random.between(4, 20) }, () => random.pick(noteWords));
  return `${random.hex(8)} ${words.join(" ")} ${random.digits(3)}`;
}
