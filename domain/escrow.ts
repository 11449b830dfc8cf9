import { cloudNames } from "./identities";

/** Where a copy of the escrow lies (components/secretEscrow.ts). */
export type EscrowPlace =
  | { readonly cloud: "aws"; readonly region: string; readonly account: string; readonly secret: string }
  | { readonly cloud: "gcp"; readonly project: string; readonly secret: string };

export interface EscrowArgs {
  readonly environment: string;
  /** @default no copy in AWS */
  readonly aws: { readonly account: string; readonly regions: readonly string[] } | undefined;
  /** @default no copy in Google Cloud */
  readonly gcp: { readonly project: string } | undefined;
}

/** All places where a copy of an environment's escrow lies. They follow from configuration: whoever lost all else finds them. */
export const escrowPlaces = ({ environment, aws, gcp }: EscrowArgs): EscrowPlace[] => {
  const names = cloudNames(environment);
  return [
    ...(aws?.regions ?? []).map((region) => ({
      ...{ cloud: "aws" as const, region, account: aws?.account ?? "", secret: names.awsSecret },
    })),
    ...(gcp ? [{ cloud: "gcp" as const, project: gcp.project, secret: names.gcpSecret }] : []),
  ];
};

/** A place in words. */
export const placeInWords = (place: EscrowPlace): string =>
  place.cloud === "aws"
    ? `AWS ${place.region} (secret ${place.secret})`
    : `Google Cloud project ${place.project} (secret ${place.secret})`;

/** What came of reading one copy: the document, or why it can't be had. */
export type EscrowReading = { readonly place: EscrowPlace } & (
  { readonly document: string } | { readonly fault: string }
);

/** What the copies say together. */
export type EscrowVerdict =
  | { readonly kind: "agreed"; readonly document: string; readonly unread: readonly string[] }
  | { readonly kind: "unreadable"; readonly unread: readonly string[] }
  | { readonly kind: "different"; readonly places: readonly string[] };

/**
 * What holds when each copy was read: a living one counts, however many are dead. Two living ones that differ do not, for which
 * one answers first would then decide which passwords the database gets.
 */
export const judgeEscrow = (readings: readonly EscrowReading[]): EscrowVerdict => {
  const read = readings.flatMap((one) => ("document" in one ? [one] : []));
  const unread = readings.flatMap((one) => ("fault" in one ? [`${placeInWords(one.place)}: ${one.fault}`] : []));
  const [first] = read;
  if (!first) return { kind: "unreadable", unread };
  return read.every(({ document }) => document === first.document)
    ? { kind: "agreed", document: first.document, unread }
    : { kind: "different", places: read.map(({ place }) => placeInWords(place)) };
};
