import { paths } from "../../../domain/paths";
import { type GcsRepository, repositoryNumber } from "../../../domain/repository";

export const gcsUrl = ({ endpoint }: GcsRepository): string => `https://${endpoint ?? "storage.googleapis.com"}`;

/** By what a repository is reached, as pgBackRest's settings have it. With neither, it is the pod's own identity. */
export interface GcsKey {
  readonly token?: string;
  /** A service account's JSON. */
  readonly keyFile?: string;
}

export const gcsKey = ({ keyType }: GcsRepository): GcsKey => {
  switch (keyType) {
    case "token":
      return { token: process.env[`PGBACKREST_REPO${repositoryNumber.gcs}_GCS_KEY`] ?? "" };
    case "service":
      return { keyFile: `${paths.gcsKeyFolder}/key.json` };
    case "auto":
      return {};
  }
};
