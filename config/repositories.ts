import type { Repository, RepositoryName } from "../domain/repository";
import type { RegionValues } from "./keys";

/** The parser has seen to it that the value is there; that it isn't is a fault of this program. */
export const known = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("a value that the parser demands is missing after it: please report this");
  return value;
};

const repositoryOf =
  (values: RegionValues) =>
  (name: RepositoryName): Repository => {
    switch (name) {
      case "s3":
        return {
          name,
          bucket: known(values.s3Bucket),
          region: known(values.s3Region),
          endpoint: values.s3Endpoint,
          uriStyle: values.s3UriStyle,
          keyType: values.s3KeyType,
        };
      case "gcs":
        return { name, bucket: known(values.gcsBucket), endpoint: values.gcsEndpoint, keyType: values.gcsKeyType };
    }
  };

/** The repositories of a region, in the order in which its stack names them. */
export const repositoriesOf = (values: RegionValues): Repository[] => values.repositories.map(repositoryOf(values));
