import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { both } from "pg-copy-streams";
import { fence, lsnBytes } from "../../../domain/fence";
import { names } from "../../../domain/names";
import { paths } from "../../../domain/paths";
import { messageOf, say } from "../log";

/** Milliseconds between 1970 and Postgres' epoch, 2000. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
/** A commit that waits where nothing more is written is answered by the next of these. */
const STATUS_MS = 200;

const XLOG_DATA = 0x77;
const HEADER_BYTES = 25;

/**
 * A standby's report that it has written, flushed and replayed WAL up to `lsn`.
 * https://www.postgresql.org/docs/17/protocol-replication.html (standby status update)
 */
export const statusUpdate = (lsn: bigint): Buffer => {
  const message = Buffer.alloc(34);
  message.write("r", 0, "latin1");
  for (const offset of [1, 9, 17]) message.writeBigUInt64BE(lsn, offset);
  message.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MS) * 1000n, 25);
  return message;
};

/** The position after the WAL of a message, or nothing for a message of another kind. */
export const endOf = (message: Buffer): bigint | undefined =>
  message[0] === XLOG_DATA ? message.readBigUInt64BE(1) + BigInt(message.length - HEADER_BYTES) : undefined;

/**
 * The commit gate: Postgres' one synchronous receiver, in the writer's own pod. It keeps nothing of the WAL; it says "flushed"
 * for as long as `mayAcknowledge` holds, asked for each answer. Otherwise it leaves, and all commits wait.
 */
export class Gate {
  private connection: { readonly client: Client; readonly timer: NodeJS.Timeout } | undefined;
  private connecting = false;

  /**
   * @param mayAcknowledge asked for each answer
   * @param isShared whether another disk than the writer's must have a commit
   * @param flushed up to where it has them
   */
  constructor(
    private readonly mayAcknowledge: () => boolean,
    private readonly isShared: () => boolean,
    private readonly flushed: () => Promise<bigint>,
  ) {}

  get isOpen(): boolean {
    return this.connection !== undefined;
  }

  /** Connects where it should be connected and isn't. Returns when it is, or can't be. */
  async open(): Promise<void> {
    if (this.connection || this.connecting || !this.mayAcknowledge()) return;
    this.connecting = true;
    const client = new Client({
      host: paths.socket,
      user: names.replicationUser,
      application_name: fence.gate,
      replication: "true",
      connectionTimeoutMillis: 2000,
    } as ConstructorParameters<typeof Client>[0]);
    client.on("error", () => {
      this.close(client);
    });
    client.on("end", () => {
      this.close(client);
    });
    try {
      await client.connect();
      const { rows } = await client.query<{ xlogpos: string }>("IDENTIFY_SYSTEM");
      this.receive(client, rows[0]?.xlogpos ?? "");
    } catch (error) {
      say(`gate: can't connect (${messageOf(error)})`);
      client.end().catch(() => undefined);
    } finally {
      this.connecting = false;
    }
  }

  /** Leaves at once. Commits wait until it is opened again. */
  close(client = this.connection?.client): void {
    if (client === undefined) return;
    if (this.connection?.client === client) {
      clearInterval(this.connection.timer);
      this.connection = undefined;
      say("GATE closed");
    }
    // Not a farewell that Postgres answers: it may be stopped or frozen.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  private receive(client: Client, from: string): void {
    const stream = client.query(both(`START_REPLICATION PHYSICAL ${from}`, { alignOnCopyDataFrame: true }));
    let received = lsnBytes(from);
    // Nothing yet: what waits for other disks must be asked for, after each opening too.
    let confirmed = 0n;
    let asks = false;
    const isHere = () => this.connection?.client === client;
    const confirm = (upTo: bigint) => {
      if (!isHere()) return;
      if (!this.mayAcknowledge()) {
        this.close(client);
        return;
      }
      confirmed = upTo;
      stream.write(statusUpdate(confirmed));
    };
    /** Asks the other disks until they have all that was received. */
    const follow = async () => {
      if (asks) return;
      asks = true;
      try {
        while (confirmed < received && isHere() && this.isShared()) {
          const upTo = await this.flushed();
          if (upTo > confirmed) confirm(upTo < received ? upTo : received);
          else await delay(1);
        }
      } catch (error) {
        say(`gate: ${messageOf(error)}`);
        this.close(client);
      } finally {
        asks = false;
      }
    };
    const answer = () => {
      if (!this.isShared()) confirm(received);
      else {
        confirm(confirmed);
        void follow();
      }
    };
    this.connection = { client, timer: setInterval(answer, STATUS_MS) };
    say("GATE open");
    stream.on("data", (message: Buffer) => {
      received = endOf(message) ?? received;
      answer();
    });
    for (const event of ["error", "end", "close"]) {
      stream.on(event, () => {
        this.close(client);
      });
    }
  }
}
