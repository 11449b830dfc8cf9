/**
 * Stand-in for the plugin of `@pulumi/aws`: Zone, HealthCheck and Record of Route 53, made real by the lab's PowerDNS. Checks
 * are made as often as that server makes them, and tags are kept in Pulumi's state alone.
 */
import { version } from "@pulumi/aws/package.json";
import { type Made, MakingProvider } from "./made";
import { PowerDns } from "./powerdns";
import { runProvider } from "./provider";
import { checkOf, recordOf, textOf as text } from "./route53";
import { Route53Store } from "./route53Store";

export function types(store: Route53Store): ReadonlyMap<string, Made> {
  const zone: Made = {
    ...{ required: ["name"], optional: ["comment", "tags"], identity: ["name"], outputs: ["zoneId", "nameServers"] },
    put: async (inputs, id) => {
      const domain = text(inputs, "name");
      // Nothing but the comment can have changed.
      if (id !== undefined) return { id, outputs: {} };
      return { id: domain, outputs: { zoneId: domain, nameServers: [...(await store.putZone(domain))] } };
    },
    exists: (id) => store.hasZone(id),
    remove: (id) => store.removeZone(id),
  };
  const healthCheck: Made = {
    required: ["type"],
    optional: [
      ...["ipAddress", "port", "resourcePath", "requestInterval", "failureThreshold", "tags"],
      ...["childHealthchecks", "childHealthThreshold", "invertHealthcheck"],
    ],
    identity: ["type", "requestInterval"],
    outputs: [],
    put: async (inputs, id) => ({ id: await store.putCheck(checkOf(inputs), id), outputs: {} }),
    exists: (id) => store.hasCheck(id),
    remove: (id) => store.removeCheck(id),
  };
  const record: Made = {
    required: [
      ...["zoneId", "name", "type", "ttl", "records", "setIdentifier", "failoverRoutingPolicies", "healthCheckId"],
    ],
    optional: [],
    identity: ["zoneId", "name", "type", "setIdentifier"],
    outputs: ["fqdn"],
    put: async (inputs) => {
      const [domain, name, type] = [text(inputs, "zoneId"), text(inputs, "name"), text(inputs, "type")];
      const made = recordOf(inputs);
      await store.putRecord(domain, name, Number(inputs["ttl"]), made);
      return { id: [domain, name, type, made.setIdentifier].join("_"), outputs: { fqdn: name } };
    },
    exists: (_id, state) => store.hasRecord(text(state, "zoneId"), text(state, "name"), text(state, "setIdentifier")),
    remove: (_id, state) =>
      store.removeRecord(
        text(state, "zoneId"),
        text(state, "name"),
        Number(state["ttl"]),
        text(state, "setIdentifier"),
      ),
  };
  return new Map([
    ["aws:route53/zone:Zone", zone],
    ["aws:route53/healthCheck:HealthCheck", healthCheck],
    ["aws:route53/record:Record", record],
  ]);
}

if (require.main === module) {
  runProvider(() => {
    const address = process.env["MARIMO_LAB_DNS"];
    if (address === undefined) {
      throw new Error(
        'MARIMO_LAB_DNS is not set, so there is no DNS server to make records in. Set it: eval "$(npm run -s lab env)"',
      );
    }
    return new MakingProvider("aws", version, types(new Route53Store(new PowerDns(address))));
  });
}
