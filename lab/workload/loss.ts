import type { Commit } from "./ledger";

export interface Loss {
  /** Rows whose commit was acknowledged before the disaster. */
  readonly acknowledgedWrites: number;
  readonly foundWrites: number;
  readonly lostWrites: number;
  /**
   * Rows lost although a later commit survived. A recovery to the end of an archive loses a tail and nothing else, so any
   * but 0 means damage.
   */
  readonly holes: number;
  /**
   * Seconds from the newest commit before which nothing was lost to the disaster; 0 when nothing was lost. Rather too long
   * than too short: what was recovered lies between that commit and the first lost one.
   */
  readonly rpoSeconds: number;
}

/**
 * What a disaster cost.
 *
 * @param commits acknowledged commits, in any order
 * @param startedAt when the writer began, in milliseconds: the newest survivor's time where even the first commit was lost
 * @param lostAt when the database was destroyed, in milliseconds
 * @param isFound whether the row with that id is in the recovered database
 */
export function computeLoss(
  commits: readonly Commit[],
  startedAt: number,
  lostAt: number,
  isFound: (id: number) => boolean,
): Loss {
  let acknowledgedWrites = 0;
  let lostWrites = 0;
  let oldestLost = Infinity;
  let newestFoundSent = -Infinity;
  const commitStates = commits.map((commit) => {
    const lost = ids(commit).filter((id) => !isFound(id)).length;
    acknowledgedWrites += commit.rows;
    lostWrites += lost;
    if (lost > 0) oldestLost = Math.min(oldestLost, commit.at);
    if (lost < commit.rows) newestFoundSent = Math.max(newestFoundSent, commit.sent);
    return { commit, lost };
  });

  const survivorsBeforeLoss = commits.filter(({ at }) => at < oldestLost).map(({ at }) => at);
  const recoveredTo = survivorsBeforeLoss.reduce((newest, at) => Math.max(newest, at), startedAt);
  return {
    acknowledgedWrites,
    foundWrites: acknowledgedWrites - lostWrites,
    lostWrites,
    holes: commitStates.reduce((sum, { commit, lost }) => sum + (isHole(commit, lost, newestFoundSent) ? lost : 0), 0),
    rpoSeconds: lostWrites === 0 ? 0 : Math.max(0, lostAt - recoveredTo) / 1000,
  };
}

/** The ids of a commit's rows. */
export const ids = ({ first, rows }: { readonly first: number; readonly rows: number }): number[] =>
  Array.from({ length: rows }, (_, n) => first + n);

/**
 * Sessions commit beside each other, so the order of two acknowledgements says nothing. A commit that was acknowledged
 * before another was even sent does come before it in the log; part of a transaction cannot survive without the rest.
 */
const isHole = (commit: Commit, lost: number, newestFoundSent: number): boolean =>
  lost > 0 && (commit.at <= newestFoundSent || lost < commit.rows);
