import Table from "cli-table3";
import type { FenceStatus, VaultStatus } from "../domain/fence";
import { type Lag, lagInDetail, standbysLag, type Sight } from "../domain/promotion";
import { stackNames } from "./region";
import type { RegionStatus, Status } from "./status";

/** No colours: the tables are also read in logs. */
export const style = { head: [], border: [], compact: true };

const age = (seconds: number): string => {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

const postgresInWords = ({ state, position, streaming }: FenceStatus["postgres"]): string =>
  [
    state,
    ...(state === "standby" ? [streaming === true ? "streams" : "doesn't stream"] : []),
    ...(position === undefined ? [] : [`timeline ${position.timeline} at ${position.lsn}`]),
  ].join(", ");

const writerInWords = ({ writable, why, writer }: FenceStatus): string =>
  writer.acknowledges
    ? `yes, term ${writer.term ?? "?"}, for ${Math.round(writer.secondsLeft ?? 0)} s more` +
      (writable ? "" : `; but its /dr/writable says no: ${why ?? "no reason given"}`)
    : `no: ${writer.why ?? why ?? "no reason given"}`;

const vaultInWords = (seen: VaultStatus): string => {
  if ("error" in seen) return `doesn't answer: ${seen.error}`;
  const refuses = seen.refuses === undefined ? "" : `; takes no writes: ${seen.refuses}`;
  if (seen.lease === null) return `no lease${refuses}`;
  const { holder, term, state } = seen.lease;
  return `${holder ?? "nobody"}, term ${term}, ${state}, ${age(seen.ageSeconds ?? 0)} ago${refuses}`;
};

/** As the fence's alarm `clock` has it. */
const CLOCK_SECONDS = 60;
const clockInWords = (ahead: number): string =>
  `${age(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} the stores': set the clock of its nodes`;

const behindLines = (lag: Lag | undefined): [string, string][] => (lag ? [["behind", lagInDetail(lag)]] : []);

/** One region, one line to a fact. */
export const sightLines = ({ told, fence, silence }: Sight): [string, string][] => [
  ["told to be", fence && fence.role !== told ? `${told} (its cluster still has ${fence.role})` : told],
  ...(fence === undefined
    ? ([["answers", `no: ${silence ?? "nothing is known"}`]] as [string, string][])
    : ([
        ["Postgres", postgresInWords(fence.postgres)],
        ["takes writes", writerInWords(fence)],
        ...(Math.abs(fence.clockAheadSeconds ?? 0) > CLOCK_SECONDS
          ? [["its clock", clockInWords(fence.clockAheadSeconds ?? 0)]]
          : []),
        ...Object.entries(fence.vaults ?? {}).map(([name, seen]) => [`lease in ${name}`, vaultInWords(seen)]),
      ] as [string, string][])),
];

const regionLines = (region: RegionStatus): [string, string][] => [
  ...sightLines(region),
  ...behindLines(region.lag),
  ...region.members.map(({ pod, role, ready }): [string, string] => [
    pod,
    `${role ?? "no role"}, ${ready ? "ready" : "not ready"}`,
  ]),
  ...region.repositories.map(({ name, archive, lastBackup, error }): [string, string] => [
    `repository ${name}`,
    [
      archive ? `archive ${age(archive.ageSeconds)} old` : "no archive",
      lastBackup ? `last backup ${lastBackup.type}, ${age(lastBackup.ageSeconds)} old` : "no backup",
      ...(error === undefined ? [] : [error]),
    ].join("; "),
  ]),
];

/** What is seen of the two regions, side by side, before anything is done. */
export const sightsTable = (sights: readonly [Sight, Sight]): string => {
  const table = new Table({ head: ["region", "", ""], style, wordWrap: true, colWidths: [null, null, 90] });
  const [one, two] = sights;
  for (const [sight, other] of [
    [one, two],
    [two, one],
  ] as const) {
    const lines = [...sightLines(sight), ...behindLines(standbysLag(sight, other))];
    for (const [what, is] of lines) table.push([sight.stack, what, is]);
  }
  return table.toString();
};

export const statusTables = ({ at, regions, dns, objectives }: Status): string => {
  const state = new Table({ head: ["region", "", at], style, wordWrap: true, colWidths: [null, null, 90] });
  for (const stack of stackNames) {
    for (const [what, is] of regionLines(regions[stack])) state.push([stack, what, is]);
  }
  if (dns.length === 0)
    state.push(["DNS", "", "no name to ask for: Pulumi.global.yaml has no dnsName. --host gives one"]);
  for (const { host, addresses, error } of dns) {
    state.push(["DNS", host, error === undefined ? addresses.join(", ") : `no answer: ${error}`]);
  }
  const promised = new Table({ head: ["objective of the plan", "at most", "now", ""], style });
  for (const { what, objectiveSeconds, nowSeconds } of objectives) {
    const verdict = nowSeconds === undefined ? "?" : nowSeconds <= objectiveSeconds ? "met" : "missed";
    promised.push([what, age(objectiveSeconds), nowSeconds === undefined ? "not known" : age(nowSeconds), verdict]);
  }
  return `${state.toString()}\n${promised.toString()}`;
};
