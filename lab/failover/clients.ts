import type { RegionName } from "../kind";
import { until } from "../stage/until";
import type { ConnectionSource } from "../workload/connection";
import type { Answer } from "../workload/dns";
import { clock, readLedger, type Run } from "../workload/ledger";
import { startWriter, type Writer } from "../workload/writer";
import { regionOf } from "./acknowledgements";
import { type AnswerChange, watchAnswers } from "./answers";
import { type Reader, type Reading, startReader } from "./reader";

/** An ERP's load on two cores that also bear two regions. */
export const COMMITS_PER_SECOND = 100;
/** The longest time to live, three times: some of it for a machine that also does everything else. */
const FOLLOWING_SECONDS = 180;

export interface Sources {
  /** By the DNS name. */
  readonly named: ConnectionSource;
  /** By asking both regions. */
  readonly direct: ConnectionSource;
  /** What the DNS server says now. */
  readonly ask: () => Promise<Answer>;
}

export interface Ledgers {
  readonly named: string;
  readonly direct: string;
}

/** What the clients saw. */
export interface Seen {
  readonly named: Run;
  readonly direct: Run;
  readonly readings: readonly Reading[];
  readonly answers: readonly AnswerChange[];
}

/**
 * The clients of a step: a writer and a reader that go by the DNS name, and a writer that asks the regions themselves, and so
 * tells what the database cost and what DNS did.
 */
export class Clients {
  private constructor(
    private readonly ledgers: Ledgers,
    private readonly named: Writer,
    private readonly direct: Writer,
    private readonly reader: Reader,
    private readonly answers: ReturnType<typeof watchAnswers>,
  ) {}

  /** Does `work` while the clients are at work. @returns what it returned, and what they saw */
  static async during<T>(
    sources: Sources,
    ledgers: Ledgers,
    work: (clients: Clients) => Promise<T>,
  ): Promise<readonly [T, Seen]> {
    const clients = await Clients.start(sources, ledgers);
    const result = await work(clients).catch(async (error: unknown) => {
      await clients.stop();
      throw error;
    });
    return [result, await clients.stop()];
  }

  private static async start({ named, direct, ask }: Sources, ledgers: Ledgers): Promise<Clients> {
    const options = { sessions: 2, commitsPerSecond: COMMITS_PER_SECOND };
    const first = await startWriter(named, ledgers.named, options);
    const second = await startWriter(direct, ledgers.direct, options).catch(async (error: unknown) => {
      await first.stop();
      throw error;
    });
    return new Clients(ledgers, first, second, startReader(named, first.run), watchAnswers(ask));
  }

  /** Returns when the region has answered each client, anew from now on. */
  async servedBy(region: RegionName, signal: AbortSignal): Promise<void> {
    const since = clock();
    const clients = { "writer by name": this.named, "writer that asks": this.direct, "reader by name": this.reader };
    const served = ({ newest }: Writer | Reader) => {
      const answer = newest();
      return answer !== undefined && answer.at > since && regionOf(answer.server) === region;
    };
    const waits = Object.entries(clients).map(([who, client]) =>
      until(`region ${region} serves the ${who}`, () => served(client), FOLLOWING_SECONDS, signal),
    );
    await Promise.all(waits);
  }

  private async stop(): Promise<Seen> {
    const [readings, answers] = await Promise.all([
      this.reader.stop(),
      this.answers.stop(),
      this.named.stop(),
      this.direct.stop(),
    ]);
    return { named: readLedger(this.ledgers.named), direct: readLedger(this.ledgers.direct), readings, answers };
  }
}
