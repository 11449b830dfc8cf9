import { HealthCheck } from "@pulumi/aws/route53/healthCheck";
import { Record } from "@pulumi/aws/route53/record";
import { Zone } from "@pulumi/aws/route53/zone";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { checking, type Failover, recordType, route53Records, writablePath } from "../domain/dns";

/**
 * A name that Route 53 leads to the region that takes writes, by one check of the secondary region: its record has the check,
 * the primary's record has the same check inverted. At a failover nothing is written to Route 53, whose API is in one region.
 */
export class Route53Failover extends ComponentResource {
  /** Where the domain is to be delegated to, if the zone is this component's. */
  readonly nameServers: Output<string[]> | undefined;

  constructor(name: string, args: Failover, opts?: ComponentResourceOptions) {
    super("marimo:dr:Route53Failover", name, {}, opts);
    const child = { parent: this };
    let zoneId: Input<string>;
    if ("id" in args.zone) zoneId = args.zone.id;
    else {
      const zone = new Zone(
        `${name}-zone`,
        { name: args.zone.domain, comment: "Leads to the region of Marimo ERP that takes writes" },
        { ...child, protect: true, retainOnDelete: true },
      );
      zoneId = zone.zoneId;
      this.nameServers = zone.nameServers;
    }

    // Route 53 takes a new check for healthy until it has measured. Made anew while the primary takes writes, this one would
    // lead to the secondary for half a minute.
    const check = { ...child, protect: true };
    const { host, port } = args.health;
    const { interval, failures } = checking.route53;
    const writable = new HealthCheck(
      `${name}-writable`,
      {
        type: "HTTP",
        ...(recordType(host) === "A" ? { ipAddress: host } : { fqdn: host }),
        port,
        resourcePath: writablePath,
        requestInterval: interval.seconds,
        failureThreshold: failures,
        tags: { Name: `${args.name}: the secondary region takes writes` },
      },
      check,
    );
    const notWritable = new HealthCheck(
      `${name}-not-writable`,
      {
        type: "CALCULATED",
        childHealthchecks: [writable.id],
        childHealthThreshold: 1,
        invertHealthcheck: true,
        tags: { Name: `${args.name}: the secondary region takes no writes` },
      },
      check,
    );

    for (const { failover, answer, inverted } of route53Records) {
      new Record(
        `${name}-${answer}`,
        {
          zoneId,
          name: args.name,
          type: recordType(args.addresses[answer]),
          ttl: args.ttl.seconds,
          records: [args.addresses[answer]],
          setIdentifier: answer,
          failoverRoutingPolicies: [{ type: failover }],
          healthCheckId: (inverted ? notWritable : writable).id,
        },
        child,
      );
    }
    this.registerOutputs({});
  }
}
