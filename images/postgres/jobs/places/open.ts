import { jobs, type JobSettings } from "../../../../domain/jobs";
import { vaultFolders } from "../../../../domain/vault";
import { s3Credentials, s3Settings } from "../../stores/s3";
import { FolderPlace } from "./folder";
import { GcsPlace } from "./gcs";
import type { Place } from "./place";
import { S3Place } from "./s3";

/** The two vaults, as far as the region uses them. */
export const vaults = ({ repositories }: JobSettings): Place[] =>
  repositories.map((repository) =>
    repository.name === "s3"
      ? new S3Place("s3", repository.bucket, { ...s3Settings(repository), ...s3Credentials(repository) })
      : new GcsPlace(repository),
  );

/** The place outside of both clouds, where there is one. */
export const offSite = ({ offSite: target }: JobSettings): S3Place | FolderPlace | undefined => {
  switch (target?.kind) {
    case undefined:
      return undefined;
    case "claim":
      return new FolderPlace("offsite", jobs.offSiteFolder);
    case "s3": {
      const { [jobs.offSiteKey]: accessKeyId = "", [jobs.offSiteSecretKey]: secretAccessKey = "" } = process.env;
      return new S3Place("offsite", target.bucket, {
        ...s3Settings({ ...target, uriStyle: "path" }),
        credentials: { accessKeyId, secretAccessKey },
      });
    }
  }
};

/** A place, and the folder in it that holds the dumps: side by side, so that `sha256sum -c` works there. */
export interface DumpPlace {
  readonly place: Place;
  /** Ends with `/`, or is "" for the root. */
  readonly folder: string;
}

/** The volume of dumps, as it is mounted in the jobs' pods. */
export const localPlace = (): DumpPlace => ({ place: new FolderPlace("local", jobs.folder), folder: "" });

/** Where dumps are copied to. */
export const dumpCopies = (settings: JobSettings): DumpPlace[] => {
  const { dumps } = vaultFolders(settings.repositoryPath);
  const third = offSite(settings);
  return [...vaults(settings), ...(third ? [third] : [])].map((place) => ({ place, folder: dumps }));
};
