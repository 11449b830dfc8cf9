import { mkdirSync } from "node:fs";
import { connect } from "node:tls";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { authorityFile, ensureServerCertificate } from "./certificates";
import { containerState, removeContainer, startServer } from "./container";
import { ensureNetwork } from "./engine";
import { labEnvironment, network } from "./environment";
import { loadArchive, storeImages } from "./images";
import { engine } from "./parts";
import { paths } from "./paths";
import { run } from "./process";
import { labSecrets } from "./secrets";

export type StoreName = "s3" | "gcs";
export const storeNames: readonly StoreName[] = ["s3", "gcs"];

interface Store {
  container: string;
  /** DNS name inside the regions, and in the certificate. */
  host: string;
  /** Fixed address in the lab's network; the host reaches it too. */
  address: string;
  bucket: string;
  /** Folder on the host with one folder per bucket. */
  folder: string;
}

export const stores: Record<StoreName, Store> = {
  s3: {
    container: "marimo-s3",
    host: "s3.lab.internal",
    address: "10.231.0.10",
    bucket: "marimo-vault-s3",
    folder: join(paths.stores, "s3"),
  },
  gcs: {
    container: "marimo-gcs",
    host: "gcs.lab.internal",
    address: "10.231.0.11",
    bucket: "marimo-vault-gcs",
    folder: join(paths.stores, "gcs"),
  },
};

/** The stores' names and addresses, for the regions' DNS. */
export const storeHosts: Record<string, string> = Object.fromEntries(
  Object.values(stores).map(({ host, address }) => [host, address]),
);

/** Environment and command of the server in the store's container. */
function server(name: StoreName): { environment: Record<string, string>; command: string[] } {
  const tls = ["--cert", "/certificates/server.crt", "--key", "/certificates/server.key"];
  if (name === "s3") {
    const { s3AccessKey, s3SecretKey } = labSecrets();
    return {
      environment: { ROOT_ACCESS_KEY: s3AccessKey, ROOT_SECRET_KEY: s3SecretKey },
      // As the real S3 does: a client's next request needs no new TLS handshake.
      command: [...tls, "--port", ":443", "--keep-alive", "posix", "--versioning-dir", "/versions", "/buckets"],
    };
  }
  return {
    environment: {},
    command: ["-listen", ":443", "-root", "/buckets", "-external-url", `https://${stores.gcs.host}`, ...tls],
  };
}

async function createContainer(name: StoreName): Promise<void> {
  await ensureNetwork(engine());
  const { container, host, address, bucket, folder } = stores[name];
  const archive = await storeImages(engine());
  await loadArchive(engine(), archive);
  const { certificate, key } = await ensureServerCertificate(paths.certificates, host, address);
  const versions = join(paths.stores, `${name}-versions`);
  mkdirSync(join(folder, bucket), { recursive: true });
  mkdirSync(versions, { recursive: true });
  const volumes = [
    `${folder}:/buckets`,
    `${versions}:/versions`,
    `${certificate}:/certificates/server.crt:ro`,
    `${key}:/certificates/server.key:ro`,
  ];
  const { environment, command } = server(name);
  const image = archive.images[storeNames.indexOf(name)] ?? "";
  await run(
    engine(),
    [
      ...["create", "--name", container, "--network", network, "--ip", address],
      ...volumes.flatMap((volume) => ["--volume", volume]),
      // Names alone: the values come from this process's environment, and stay out of arguments and logs.
      ...Object.keys(environment).flatMap((key) => ["--env", key]),
      ...[image, ...command],
    ],
    { log: container, env: { ...labEnvironment(), ...environment } },
  );
}

/** True when a server with the lab's certificate answers at the store's address. */
async function answers(name: StoreName): Promise<boolean> {
  const { host, address } = stores[name];
  const ca = await readFile(authorityFile, "utf8");
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 443, servername: host, ca, timeout: 1000 });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("secureConnect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

export const storeState = (name: StoreName): Promise<string> => containerState(stores[name].container);

/** Starts a store, and returns when it answers. A store that runs is left alone. */
export async function startStore(name: StoreName): Promise<void> {
  const { container, address } = stores[name];
  await startServer({
    title: `Store ${name}`,
    container,
    where: `${address}:443`,
    create: () => createContainer(name),
    answers: () => answers(name),
  });
}

/** Stops a store's server, as an outage would. Its buckets stay. */
export async function stopStore(name: StoreName): Promise<void> {
  await run(engine(), ["stop", "--time", "1", stores[name].container], { log: stores[name].container });
}

/** Removes the store's container. Its buckets stay. */
export const removeStore = (name: StoreName): Promise<void> => removeContainer(stores[name].container);
