import { globalKeys, type GlobalValues } from "./globalKeys";
import { missingFault, parseStack, type RawConfiguration } from "./parse";

/** Faults that only several keys together show. */
const checkTogether = (raw: RawConfiguration, values: GlobalValues): string[] => {
  const faults: string[] = [];
  const needs = (name: keyof GlobalValues, why: string) => {
    if (values[name] === undefined) faults.push(missingFault(raw, globalKeys, name, why));
  };
  if (values.dnsProvider !== "none") {
    const why = `dnsProvider is ${values.dnsProvider}`;
    for (const name of ["dnsName", "primaryAddress", "secondaryAddress"] as const) needs(name, why);
  }
  return faults;
};

/**
 * The configuration of the stack global.
 * @throws ConfigurationError
 */
export const parseGlobal = (raw: RawConfiguration): GlobalValues => parseStack(raw, globalKeys, checkTogether);
