/**
 * The third place for copies of backups, outside of both clouds: a bucket of any server that speaks S3, or a volume claim of the
 * namespace, behind which is whatever can be mounted.
 */
export type OffSite =
  | { readonly kind: "s3"; readonly endpoint: string; readonly bucket: string; readonly region: string }
  | { readonly kind: "claim"; readonly claim: string };

const s3 = /^https:\/\/([a-zA-Z0-9.-]+(?::[0-9]{1,5})?)\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/;
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
const claim = /^claim:([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/;

/** What a server is told where it doesn't say its region; most take this one. */
const usualRegion = "us-east-1";

/**
 * Reads `https://HOST/BUCKET`, `https://HOST/BUCKET` with a region after `#`, or `claim:NAME`. The empty text is none.
 * @throws RangeError where it is none of them
 */
export const parseOffSite = (text: string): OffSite | undefined => {
  if (text === "") return undefined;
  const [, name] = claim.exec(text) ?? [];
  if (name !== undefined) return { kind: "claim", claim: name };
  const [address = "", region = usualRegion, ...more] = text.split("#");
  const [, endpoint, bucket] = s3.exec(address) ?? [];
  if (endpoint === undefined || bucket === undefined || more.length > 0 || !/^[a-z0-9-]+$/.test(region)) {
    throw new RangeError(`"${text}" is neither https://HOST/BUCKET nor claim:NAME`);
  }
  return { kind: "s3", endpoint, bucket, region };
};
