import { brokenUploads, type FolderRule } from "./vault";

/** A rule as S3 takes it. */
export interface S3Rule {
  readonly id: string;
  readonly status: "Enabled";
  readonly filter: { readonly prefix?: string };
  readonly expiration?: { readonly days?: number; readonly expiredObjectDeleteMarker?: boolean };
  readonly noncurrentVersionExpiration?: { readonly noncurrentDays: number };
  readonly abortIncompleteMultipartUpload?: { readonly daysAfterInitiation: number };
}

/**
 * S3's rules. The last one holds for the whole bucket and removes nothing that can be read: parts of uploads that broke
 * off, and markers of deletion with nothing behind them.
 */
export const s3Rules = (rules: readonly FolderRule[]): S3Rule[] => [
  ...rules.map(({ folder, prefix, expireAfter, reclaimAfter }): S3Rule => ({
    id: folder,
    status: "Enabled",
    filter: { prefix },
    ...(expireAfter && { expiration: { days: expireAfter.days } }),
    ...(reclaimAfter && { noncurrentVersionExpiration: { noncurrentDays: reclaimAfter.days } }),
  })),
  {
    id: "remains",
    status: "Enabled",
    filter: {},
    expiration: { expiredObjectDeleteMarker: true },
    abortIncompleteMultipartUpload: { daysAfterInitiation: brokenUploads.days },
  },
];

/** A rule as Google takes it. */
export interface GcsRule {
  readonly action: { readonly type: "Delete" | "AbortIncompleteMultipartUpload" };
  readonly condition: {
    readonly age?: number;
    readonly daysSinceNoncurrentTime?: number;
    readonly withState?: "LIVE" | "ARCHIVED";
    readonly matchesPrefixes?: string[];
  };
}

const remove = (prefix: string, condition: GcsRule["condition"]): GcsRule => ({
  action: { type: "Delete" },
  condition: { ...condition, matchesPrefixes: [prefix] },
});

/**
 * Google's rules. Each names the state of the versions that it removes: one that didn't would take a dump's last version
 * with its first. What they remove is still held by the bucket's soft delete.
 */
export const gcsRules = (rules: readonly FolderRule[]): GcsRule[] => [
  ...rules.flatMap(({ prefix, expireAfter, reclaimAfter }) => [
    ...(expireAfter ? [remove(prefix, { age: expireAfter.days, withState: "LIVE" })] : []),
    ...(reclaimAfter ? [remove(prefix, { daysSinceNoncurrentTime: reclaimAfter.days, withState: "ARCHIVED" })] : []),
  ]),
  { action: { type: "AbortIncompleteMultipartUpload" }, condition: { age: brokenUploads.days } },
];
