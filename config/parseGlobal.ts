import { recordType } from "../domain/dns";
import { globalKeys, type GlobalValues } from "./globalKeys";
import { missingFault, parseStack, type RawConfiguration, remedy } from "./parse";
import { vaultFaults } from "./vaultFaults";

/** Faults of the DNS that only several keys together show. */
const dnsFaults = (raw: RawConfiguration, values: GlobalValues): string[] => {
  const { dnsProvider, dnsZone, dnsZoneId, dnsName, primaryAddress, secondaryAddress, healthAddress } = values;
  const faults: string[] = [];
  const key = (name: keyof GlobalValues) => `${raw.project}:${name}`;
  const needs = (name: keyof GlobalValues, why: string) => {
    if (values[name] === undefined) faults.push(missingFault(raw, globalKeys, name, why));
  };
  const chosen = `dnsProvider is ${dnsProvider}`;
  for (const name of ["dnsName", "primaryAddress", "secondaryAddress"] as const) needs(name, chosen);
  if (dnsZoneId === undefined) needs("dnsZone", `${chosen}, and dnsZoneId names no zone that exists`);
  else if (dnsZone !== undefined) {
    faults.push(
      `${key("dnsZone")} is "${dnsZone}" and ${key("dnsZoneId")} is "${dnsZoneId}": either the stack makes a zone or it uses one ` +
        `that exists. Remove one: pulumi config rm ${key("dnsZone")} --stack ${raw.stack}`,
    );
  } else if (dnsProvider === "route53" && !/^Z[A-Z0-9]+$/.test(dnsZoneId)) {
    faults.push(
      `${key("dnsZoneId")} is "${dnsZoneId}". It must be the ID of a Route 53 zone: a Z, then capitals and digits. ` +
        `Set it: ${remedy(raw, "dnsZoneId", globalKeys.dnsZoneId.example)}`,
    );
  }
  if (dnsProvider === "cloud-dns" && healthAddress !== undefined && healthAddress !== secondaryAddress) {
    faults.push(
      `${key("healthAddress")} is "${healthAddress}", but Cloud DNS checks the very address that it answers with, secondaryAddress. ` +
        `Let the region answer there, and remove the key: pulumi config rm ${key("healthAddress")} --stack ${raw.stack}`,
    );
  }
  if (dnsZone !== undefined && dnsName !== undefined && !`.${dnsName}`.endsWith(`.${dnsZone}`)) {
    faults.push(
      `${key("dnsName")} is "${dnsName}", which is outside of the zone ${key("dnsZone")}, "${dnsZone}", so nobody would be led by it. ` +
        `Set it: ${remedy(raw, "dnsName", `api.${dnsZone}`)}`,
    );
  }
  if (primaryAddress !== undefined && secondaryAddress !== undefined) {
    const both = `${key("primaryAddress")} is "${primaryAddress}" and ${key("secondaryAddress")} is "${secondaryAddress}"`;
    const [type, other] = [primaryAddress, secondaryAddress].map(recordType);
    const set = `Set it: ${remedy(raw, "secondaryAddress", globalKeys.secondaryAddress.example)}`;
    if (primaryAddress === secondaryAddress) faults.push(`${both}: one region can't take over from itself. ${set}`);
    else if (type !== other) faults.push(`${both}: one name has addresses or another name, not both. ${set}`);
    else if (type === "CNAME" && dnsProvider === "cloud-dns") {
      faults.push(`${both}, but Cloud DNS checks addresses only. ${set}`);
    } else if (type === "CNAME" && dnsName === dnsZone) {
      faults.push(`${both}, but ${key("dnsName")} is the zone itself, and a zone can't stand for another name. ${set}`);
    }
  }
  return faults;
};

/**
 * The configuration of the stack global.
 * @throws ConfigurationError
 */
export const parseGlobal = (raw: RawConfiguration): GlobalValues =>
  parseStack<GlobalValues>(raw, globalKeys, (_, values) => [
    ...(values.dnsProvider === "none" ? [] : dnsFaults(raw, values)),
    ...vaultFaults(raw, values),
  ]);
