import { setTimeout as pause } from "node:timers/promises";
import type { Values } from "../values";
import { isNotFound, type Client } from "./client";
import { readinessOf, type Condition, type Verdict } from "./conditions";
import { at, nameOf, numberAt, textAt } from "./object";

/** An object that exists, but isn't ready: it never will be, the time is over, or the user stopped waiting. */
export class Unready extends Error {
  constructor(
    message: string,
    readonly reasons: readonly string[],
  ) {
    super(message);
  }
}

export interface Wait {
  readonly client: Client;
  /** Seconds; the kind's default if undefined. */
  readonly timeout: number | undefined;
  /** Aborted when the user cancels. */
  readonly cancelled: AbortSignal;
  readonly report: (status: string) => void;
}

const defaultTimeoutSeconds = 600;
/** Milliseconds before a broken watch is opened again. */
const reconnectPause = 1000;

/**
 * Returns the live object as soon as it is ready.
 * @throws Unready with the reasons
 */
export async function untilReady(object: Values, wait: Wait): Promise<Values> {
  const condition = readinessOf(object);
  if (!condition) return object;
  const seconds = wait.timeout ?? condition.timeoutSeconds ?? defaultTimeoutSeconds;
  const observed = new Observation(object, condition, wait.report);
  const reason = await observed.end(wait, seconds);
  if (reason === "ready") return observed.object;
  throw new Unready(messageOf(reason, object, seconds), observed.reasons());
}

/**
 * Judges an object as it is now.
 * @throws Unready with the reasons
 */
export async function mustBeReady(object: Values, client: Client): Promise<void> {
  const condition = readinessOf(object);
  if (!condition) return;
  const related = condition.related?.(object);
  const others = related ? await client.list(related.of, related.query) : [];
  const { ready, reasons } = condition.assess(object, others);
  if (!ready) throw new Unready(`Resource '${nameOf(object)}' was created but failed to initialize`, reasons);
}

type End = "ready" | "failed" | "deleted" | "timeout" | "cancelled";

function messageOf(end: Exclude<End, "ready">, object: Values, seconds: number): string {
  const name = nameOf(object);
  const messages = {
    failed: `Resource '${name}' was created but failed to initialize`,
    deleted: `'${name}' was deleted while Pulumi waited for it to be ready`,
    timeout: `'${name}' timed out waiting to be Ready (${seconds} s)`,
    cancelled: `Resource operation was cancelled for "${name}"`,
  };
  return messages[end];
}

/** What watches tell of an object and of those that it depends on. */
class Observation {
  private readonly related = new Map<string, Values>();
  private lastStatus = "";
  /** Why a watch broke, until something is seen again. */
  private trouble: string | undefined;
  private settling: NodeJS.Timeout | undefined;
  private finish: (end: End) => void = () => undefined;

  constructor(
    public object: Values,
    private readonly condition: Condition,
    private readonly report: (status: string) => void,
  ) {}

  reasons(): string[] {
    return [
      ...this.verdict().reasons,
      ...(this.trouble === undefined ? [] : [`The last look at it failed: ${this.trouble}`]),
    ];
  }

  private verdict(): Verdict {
    return this.condition.assess(this.object, [...this.related.values()]);
  }

  async end({ client, cancelled }: Wait, seconds: number): Promise<End> {
    const over = new AbortController();
    const ended = new Promise<End>((resolve) => (this.finish = resolve));
    const timer = setTimeout(() => {
      this.finish("timeout");
    }, seconds * 1000);
    cancelled.addEventListener("abort", () => {
      this.finish("cancelled");
    });
    if (cancelled.aborted) this.finish("cancelled");
    const watching = this.watch(client, over.signal);
    try {
      // The watches go on until they are aborted; they only end first by an error.
      return await Promise.race([ended, watching.then(() => ended)]);
    } finally {
      clearTimeout(timer);
      clearTimeout(this.settling);
      over.abort();
      await watching;
    }
  }

  private async watch(client: Client, over: AbortSignal): Promise<void> {
    const related = this.condition.related?.(this.object);
    const itself = { fieldSelector: `metadata.name=${nameOf(this.object)}` };
    const onTrouble = (error: unknown): void => {
      this.trouble = error instanceof Error ? error.message : String(error);
    };
    await Promise.all([
      follow(over, onTrouble, () =>
        client.watch(this.object, itself, (event) => (this.seeItself(event.type, event.object), undefined), over),
      ),
      related &&
        follow(over, onTrouble, () => {
          this.related.clear();
          return client.watch(
            related.of,
            related.query,
            (event) => (this.see(event.type, event.object), undefined),
            over,
          );
        }),
    ]);
  }

  private seeItself(type: string, object: Values): void {
    // An event from before our own change.
    if (numberAt(object, "metadata", "generation") < numberAt(this.object, "metadata", "generation")) return;
    if (type === "DELETED") {
      this.finish("deleted");
      return;
    }
    this.object = object;
    this.evaluate();
  }

  private see(type: string, object: Values): void {
    const uid = textAt(object, "metadata", "uid") ?? nameOf(object);
    if (type === "DELETED") this.related.delete(uid);
    else this.related.set(uid, object);
    this.evaluate();
  }

  private evaluate(): void {
    this.trouble = undefined;
    const verdict = this.verdict();
    if (!verdict.ready && verdict.status !== this.lastStatus) this.report((this.lastStatus = verdict.status));
    clearTimeout(this.settling);
    if (verdict.failed) this.finish("failed");
    if (!verdict.ready) return;
    const seconds = this.related.size > 0 ? (this.condition.settleSeconds ?? 0) : 0;
    if (seconds === 0) this.finish("ready");
    else
      this.settling = setTimeout(() => {
        this.finish("ready");
      }, seconds * 1000);
  }
}

/** Keeps a watch open: servers end it after some time, and may be away for a moment. */
async function follow(
  over: AbortSignal,
  onTrouble: (error: unknown) => void,
  watch: () => Promise<void>,
): Promise<void> {
  while (!over.aborted) {
    try {
      await watch();
    } catch (error) {
      // Matters only if it lasts; then it is told when the time is over.
      onTrouble(error);
      await pause(reconnectPause, undefined, { signal: over }).catch(() => undefined);
    }
  }
}

/**
 * Returns when the object, or the one of that name and uid, is gone.
 * @throws Unready if it stays
 */
export async function untilGone(object: Values, { client, timeout, cancelled }: Wait): Promise<void> {
  const seconds = timeout ?? defaultTimeoutSeconds;
  const limit = AbortSignal.timeout(seconds * 1000);
  const over = AbortSignal.any([limit, cancelled]);
  const uid = textAt(object, "metadata", "uid");
  let live: Values | undefined = object;
  while (!over.aborted) {
    live = await client.get(object).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (!live || (uid !== undefined && textAt(live, "metadata", "uid") !== uid)) return;
    await untilDeleted(live, client, over);
  }
  const finalizers = JSON.stringify(at(live, "metadata", "finalizers") ?? []);
  const what = limit.aborted ? `was not gone after ${seconds} s` : "was not waited for: the operation was cancelled";
  throw new Unready(`'${nameOf(object)}' ${what}`, [`its finalizers are ${finalizers}`]);
}

/** Waits for the event, from the state that was read on, so that none is missed. */
async function untilDeleted(live: Values, client: Client, over: AbortSignal): Promise<void> {
  const deleted = new AbortController();
  const query = {
    fieldSelector: `metadata.name=${nameOf(live)}`,
    resourceVersion: textAt(live, "metadata", "resourceVersion") ?? "",
  };
  const signal = AbortSignal.any([over, deleted.signal]);
  await client
    .watch(
      live,
      query,
      ({ type }) => {
        if (type === "DELETED") deleted.abort();
      },
      signal,
    )
    .catch(async (error: unknown) => {
      if (signal.aborted) return;
      // An old resource version or a lost connection: look again, but not at full speed.
      await pause(reconnectPause, error, { signal: over }).catch(() => undefined);
    });
}
