import { z } from "zod";
import type { Lease, Reading, Vault, Write } from "../../../domain/lease";
import { LeaseObject } from "../../../domain/leaseObject";

/** One store's lease object. Requests end by themselves after `requestSeconds`. */
export interface LeaseVault {
  readonly vault: Vault;
  /** @throws Error where the store doesn't answer as it should: then nothing is known of the object */
  read(): Promise<Reading>;
  /** Whether the store took it. `false`: another version is there. @throws Error where that can't be told */
  write(write: Write): Promise<boolean>;
}

/** A round has time for a reading and a writing before the next one begins (`renewalInterval`). */
export const requestSeconds = 2;

/** @throws Error where the object is no lease: whose it is can't be told, so nobody may take it */
export const parseLease = (text: string): Lease => {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error(`the lease's object is no JSON: ${text.slice(0, 100)}`);
  }
  const lease = LeaseObject.safeParse(content);
  if (!lease.success) throw new Error(`the lease's object is no lease: ${z.prettifyError(lease.error)}`);
  return lease.data;
};

/** The store's clock, from an answer's `Date`. @throws Error where there is none: no lease's age could be told */
export const storeTime = (date: string | null | undefined): number => {
  const milliseconds = Date.parse(date ?? "");
  if (Number.isNaN(milliseconds)) throw new Error(`the store's answer has no Date (${date ?? "nothing"})`);
  return milliseconds / 1000;
};
