import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { repositoryNumber, type S3Repository } from "../../../domain/repository";

/** Where an S3 client finds its server, beside the credentials. */
export type S3Address = Pick<S3Repository, "region" | "endpoint" | "uriStyle">;

/** How S3 clients reach a server. */
export const s3Settings = ({ region, endpoint, uriStyle }: S3Address): S3ClientConfig => ({
  region,
  ...(endpoint !== undefined && { endpoint: `https://${endpoint}` }),
  forcePathStyle: uriStyle === "path",
  // S3-compatible servers need not know the newer checksums.
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
});

/** A repository's key pair, from pgBackRest's variables; without one the SDK looks for the pod's own identity. */
export const s3Credentials = (repository: S3Repository): Pick<S3ClientConfig, "credentials"> => {
  if (repository.keyType !== "shared") return {};
  const prefix = `PGBACKREST_REPO${repositoryNumber.s3}_S3_KEY`;
  const { [prefix]: accessKeyId = "", [`${prefix}_SECRET`]: secretAccessKey = "" } = process.env;
  return { credentials: { accessKeyId, secretAccessKey } };
};
