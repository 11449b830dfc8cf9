import type { SeenMember } from "../../../domain/dumps";
import type { Address } from "../../../domain/patroni";
import { messageOf, say } from "../log";
import { connect } from "./database";

/** A standby's `status` there stands still at what it was when its stream broke, so the row's presence counts: it goes with the stream. */
const question = `
  SELECT pg_is_in_recovery() AS follows,
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
         EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streams`;

interface Row {
  readonly follows: boolean;
  readonly lsn: string | null;
  readonly streams: boolean;
}

/** Looks at all members at once. One that doesn't answer is left out, and said. */
export const seeMembers = async (members: readonly Address[], database: string): Promise<SeenMember<Address>[]> => {
  const seen = members.map(async (member): Promise<SeenMember<Address>[]> => {
    try {
      const client = await connect(member, database);
      try {
        const { rows } = await client.query<Row>(question);
        return rows.flatMap(({ lsn, ...row }) => (lsn === null ? [] : [{ member, ...row, lsn }]));
      } finally {
        await client.end();
      }
    } catch (error) {
      say(`${member.host} does not answer: ${messageOf(error)}`);
      return [];
    }
  });
  return (await Promise.all(seen)).flat();
};
