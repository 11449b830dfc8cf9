import { Eip } from "@pulumi/aws/ec2/eip";
import { InternetGateway } from "@pulumi/aws/ec2/internetGateway";
import { NatGateway } from "@pulumi/aws/ec2/natGateway";
import { Route } from "@pulumi/aws/ec2/route";
import { RouteTable } from "@pulumi/aws/ec2/routeTable";
import { RouteTableAssociation } from "@pulumi/aws/ec2/routeTableAssociation";
import { Subnet } from "@pulumi/aws/ec2/subnet";
import { Vpc } from "@pulumi/aws/ec2/vpc";
import { VpcEndpoint } from "@pulumi/aws/ec2/vpcEndpoint";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { type Cidr, eksSubnets } from "../domain/network";

export interface EksNetworkArgs {
  readonly region: string;
  /** Letters of the zones, three of them. */
  readonly zones: readonly string[];
  readonly network: Cidr;
  /** What the network is called in AWS' console. */
  readonly title: string;
}

const everywhere = "0.0.0.0/0";

/**
 * A network over three zones. Nodes have no public address; each zone has a way out of its own, so that no zone's loss takes
 * another one's. Backups go to S3 by an endpoint, past the gateways, which are paid by the gigabyte.
 */
export class EksNetwork extends ComponentResource {
  /** Subnets of the nodes and pods. */
  readonly innerIds: readonly Output<string>[];

  constructor(name: string, args: EksNetworkArgs, opts?: ComponentResourceOptions) {
    super("marimo:dr:EksNetwork", name, {}, opts);
    const { region, title } = args;
    const child = { parent: this };
    const tags = { Name: title };
    const vpc = new Vpc(
      `${name}-vpc`,
      { cidrBlock: args.network.toString(), enableDnsSupport: true, enableDnsHostnames: true, region, tags },
      child,
    );
    const vpcId = vpc.id;
    const internet = new InternetGateway(`${name}-internet`, { vpcId, region, tags }, child);
    const routes = (role: string, way: { gatewayId?: Input<string>; natGatewayId?: Input<string> }) => {
      const table = new RouteTable(
        `${name}-${role}-routes`,
        { vpcId, region, tags: { Name: `${title} ${role}` } },
        child,
      );
      new Route(
        `${name}-${role}-route`,
        { routeTableId: table.id, destinationCidrBlock: everywhere, region, ...way },
        child,
      );
      return table;
    };
    const join = (role: string, subnet: Subnet, table: RouteTable) =>
      new RouteTableAssociation(
        `${name}-${role}-association`,
        { subnetId: subnet.id, routeTableId: table.id, region },
        child,
      );

    const outerRoutes = routes("outer", { gatewayId: internet.id });
    const zones = eksSubnets(args.network).map(({ inner, outer }, index) => {
      const zone = args.zones[index] ?? "";
      const subnet = (side: string, cidr: Cidr, role: string) =>
        new Subnet(
          `${name}-${side}-${zone}`,
          {
            vpcId,
            availabilityZone: `${region}${zone}`,
            cidrBlock: cidr.toString(),
            region,
            // Load balancers find their subnets by these: https://docs.aws.amazon.com/eks/latest/userguide/tag-subnets-auto.html
            tags: { Name: `${title} ${side} ${zone}`, [`kubernetes.io/role/${role}`]: "1" },
          },
          child,
        );
      const outside = subnet("outer", outer, "elb");
      join(`outer-${zone}`, outside, outerRoutes);
      const address = new Eip(`${name}-address-${zone}`, { domain: "vpc", region, tags }, child);
      const exit = new NatGateway(
        `${name}-exit-${zone}`,
        { subnetId: outside.id, allocationId: address.id, region, tags: { Name: `${title} ${zone}` } },
        { ...child, dependsOn: internet },
      );
      const inside = subnet("inner", inner, "internal-elb");
      const innerRoutes = routes(`inner-${zone}`, { natGatewayId: exit.id });
      join(`inner-${zone}`, inside, innerRoutes);
      return { inside, innerRoutes };
    });
    new VpcEndpoint(
      `${name}-s3`,
      {
        vpcId,
        serviceName: `com.amazonaws.${region}.s3`,
        vpcEndpointType: "Gateway",
        routeTableIds: zones.map(({ innerRoutes }) => innerRoutes.id),
        region,
        tags,
      },
      child,
    );
    this.innerIds = zones.map(({ inside }) => inside.id);
    this.registerOutputs({});
  }
}
