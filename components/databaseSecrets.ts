import { Secret } from "@pulumi/kubernetes/core/v1/secret";
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  unsecret,
} from "@pulumi/pulumi";
import { fingerprint } from "../domain/fingerprint";
import { memberHost, names } from "../domain/names";
import { type Repository, repositoryNumber } from "../domain/repository";
import { Certificate } from "./certificate";

export interface DatabaseSecretsArgs {
  readonly namespace: Input<string>;
  /** The namespace's name, which certificates carry. */
  readonly namespaceName: string;
  readonly repositories: readonly Repository[];
  /** By what the repositories are read and written, as far as their key types need it. */
  readonly keys: {
    readonly cipher: Input<string>;
    readonly s3AccessKey: Input<string> | undefined;
    readonly s3SecretKey: Input<string> | undefined;
    /** A token, or the JSON of a service account. */
    readonly gcsKey: Input<string> | undefined;
  };
  /** What the regions hold alike. */
  readonly shared: {
    readonly superuser: Input<string>;
    readonly replication: Input<string>;
    readonly rewind: Input<string>;
    readonly authority: { readonly key: Input<string>; readonly certificate: Input<string> };
  };
  /** Name by which the other region reaches this one's leader. @default none */
  readonly replicationHost: string | undefined;
}

/**
 * A repository's secrets by pgBackRest's environment variables. Only configured repositories may have any: pgBackRest
 * takes a variable of another number for a repository that lacks its settings, and refuses to run.
 */
const repositoryEnvironment = (
  { name, keyType }: Repository,
  keys: DatabaseSecretsArgs["keys"],
): [string, Input<string>][] => {
  const variables = {
    CIPHER_PASS: keys.cipher,
    ...(name === "s3" && keyType === "shared" && { S3_KEY: keys.s3AccessKey, S3_KEY_SECRET: keys.s3SecretKey }),
    ...(name === "gcs" && keyType === "token" && { GCS_KEY: keys.gcsKey }),
  };
  const prefix = `PGBACKREST_REPO${repositoryNumber[name]}_`;
  return Object.entries(variables).flatMap(([variable, value]) =>
    value === undefined ? [] : [[prefix + variable, value]],
  );
};

/**
 * Everything secret that the database needs, as Kubernetes holds it: passwords, the repositories' keys and passphrase,
 * certificates.
 */
export class DatabaseSecrets extends ComponentResource {
  /** `marimo-secrets`: what the applications read. */
  readonly system: Secret;
  /** Passwords that only members use among themselves. */
  readonly members: Secret;
  /** Passphrase and keys of the repositories, by pgBackRest's environment variables. */
  readonly repositories: Secret;
  /** JSON of the service account, a file to pgBackRest; only where the GCS repository is used that way. */
  readonly gcsServiceKey: Secret | undefined;
  /** Server certificate of the members. */
  readonly serverTls: Secret;
  /** Client certificate of backup jobs. */
  readonly backupTls: Secret;
  /** Changes with the repositories' keys; says nothing about them. */
  readonly fingerprint: Output<string>;

  constructor(name: string, args: DatabaseSecretsArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:DatabaseSecrets", name, {}, opts);
    const { shared, namespaceName } = args;
    const secret = (role: string, secretName: string, stringData: Record<string, Input<string>>) =>
      new Secret(
        `${name}-${role}`,
        { metadata: { name: secretName, namespace: args.namespace }, stringData },
        { parent: this },
      );

    this.system = secret("system", names.secrets, { DB_USER: names.superuser, DB_PASSWORD: shared.superuser });
    this.members = secret("members", "postgres-members", {
      replication: shared.replication,
      rewind: shared.rewind,
    });

    this.repositories = secret(
      "repositories",
      "postgres-repositories",
      Object.fromEntries(args.repositories.flatMap((repository) => repositoryEnvironment(repository, args.keys))),
    );
    const byServiceAccount = args.repositories.some(({ name, keyType }) => name === "gcs" && keyType === "service");
    if (byServiceAccount && args.keys.gcsKey !== undefined) {
      this.gcsServiceKey = secret("gcs-key", "postgres-gcs-key", { "key.json": args.keys.gcsKey });
    }

    const tls = (role: string, subject: { commonName: string; dnsNames?: string[] }) => {
      const { authority } = shared;
      const { certificate, key } = new Certificate(`${name}-${role}`, { authority, ...subject }, { parent: this });
      const files = { "tls.crt": certificate, "tls.key": key, "ca.crt": authority.certificate };
      return secret(`${role}-tls`, `postgres-${role}-tls`, files);
    };
    this.serverTls = tls("server", {
      commonName: names.statefulSet,
      dnsNames: [
        memberHost("*", namespaceName),
        ...[names.writeService, names.readService].flatMap((service) => [
          service,
          `${service}.${namespaceName}`,
          `${service}.${namespaceName}.svc`,
          `${service}.${namespaceName}.svc.cluster.local`,
        ]),
        "localhost",
        ...(args.replicationHost === undefined ? [] : [args.replicationHost]),
      ],
    });
    this.backupTls = tls("backup", { commonName: names.backupClient });
    const { cipher, s3AccessKey, s3SecretKey, gcsKey } = args.keys;
    this.fingerprint = unsecret(all([cipher, s3AccessKey, s3SecretKey, gcsKey]).apply((keys) => fingerprint(...keys)));
    this.registerOutputs({});
  }
}
