import { HealthCheck } from "@pulumi/gcp/compute/healthCheck";
import { ManagedZone } from "@pulumi/gcp/dns/managedZone";
import { RecordSet } from "@pulumi/gcp/dns/recordSet";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { checking, cloudDnsPolicy, type Failover, writablePath } from "../domain/dns";

/** Regions of Google Cloud that the checks come from: exactly three, here one to a continent, so that no one's loss decides. */
const sourceRegions = ["europe-west1", "us-east4", "asia-northeast1"];

/** One item of a geolocation policy answers everywhere, wherever it is said to be. */
const anywhere = "europe-west1";

/**
 * A name that Cloud DNS leads to the region that takes writes: to the secondary one while its check is healthy, else to the
 * primary one, which has no check.
 */
export class CloudDnsFailover extends ComponentResource {
  /** Where the domain is to be delegated to, if the zone is this component's. */
  readonly nameServers: Output<string[]> | undefined;

  constructor(name: string, args: Failover, opts?: ComponentResourceOptions) {
    super("marimo:dr:CloudDnsFailover", name, {}, opts);
    const child = { parent: this };
    let managedZone: Input<string>;
    if ("id" in args.zone) managedZone = args.zone.id;
    else {
      const zone = new ManagedZone(
        `${name}-zone`,
        {
          name: args.zone.domain.replaceAll(".", "-"),
          dnsName: `${args.zone.domain}.`,
          description: "Leads to the region of Marimo ERP that takes writes",
        },
        { ...child, protect: true, retainOnDelete: true },
      );
      managedZone = zone.name;
      this.nameServers = zone.nameServers;
    }

    const { interval, timeout, passes, failures } = checking["cloud-dns"];
    const writable = new HealthCheck(
      `${name}-writable`,
      {
        description: `${args.name}: the secondary region takes writes`,
        sourceRegions,
        checkIntervalSec: interval.seconds,
        timeoutSec: timeout.seconds,
        healthyThreshold: passes,
        unhealthyThreshold: failures,
        httpHealthCheck: {
          portSpecification: "USE_FIXED_PORT",
          port: args.health.port,
          requestPath: writablePath,
        },
      },
      { ...child, protect: true },
    );
    new RecordSet(
      `${name}-record`,
      {
        managedZone,
        name: `${args.name}.`,
        type: "A",
        ttl: args.ttl.seconds,
        routingPolicy: {
          healthCheck: writable.id,
          primaryBackup: {
            primary: { externalEndpoints: [args.addresses[cloudDnsPolicy.active]] },
            backupGeos: [{ location: anywhere, rrdatas: [args.addresses[cloudDnsPolicy.backup]] }],
          },
        },
      },
      child,
    );
    this.registerOutputs({});
  }
}
