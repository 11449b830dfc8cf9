import type { Policies, PolicyResource, ResourceValidationArgs } from "@pulumi/policy";
import { type Exception, parseExceptions } from "../domain/exceptions";
import type { Resource, Rule, StackFiles } from "./rule";

const seen = ({ type, name, props, opts }: ResourceValidationArgs | PolicyResource): Resource => ({
  type,
  name,
  props,
  protect: opts.protect,
});

/** The stack's name, which each of its resources carries. */
const stackOf = (urn: string | undefined): string => /^urn:pulumi:([^:]+)::/.exec(urn ?? "")?.[1] ?? "";

/** What the stack's file excepts. Packs get no configuration from the engine, so it is read from there. */
const exceptionsOf = (files: StackFiles, urn: string | undefined): Exception[] => {
  const text = files[stackOf(urn)]?.["policyExceptions"];
  return typeof text === "string" ? parseExceptions(text) : [];
};

/**
 * The rules as CrossGuard takes them: each stops a run. One that the stack excepts doesn't, and that is said, with its reason,
 * in every run.
 */
export const policiesOf = (rules: readonly Rule[], files: StackFiles): Policies => {
  const excepted = (rule: Rule, urn: string | undefined) =>
    exceptionsOf(files, urn).some((exception) => exception.rule === rule.name);
  const enforced = rules.map((rule): Policies[number] => {
    const common = { name: rule.name, description: rule.promise, enforcementLevel: "mandatory" } as const;
    if (rule.kind === "resource") {
      return {
        ...common,
        validateResource: (resource, report) => {
          const fault = excepted(rule, resource.urn) ? undefined : rule.check(seen(resource));
          if (fault !== undefined) report(fault);
        },
      };
    }
    return {
      ...common,
      validateStack: ({ resources }, report) => {
        if (excepted(rule, resources[0]?.urn)) return;
        const faults = rule.kind === "stack" ? rule.check(resources.map(seen)) : rule.check(files);
        for (const fault of faults) report(fault);
      },
    };
  });
  return [
    ...enforced,
    {
      name: "exceptions-said",
      description: "Nobody forgets which rules a stack doesn't keep, and why",
      enforcementLevel: "advisory",
      validateStack: ({ resources }, report) => {
        for (const { rule, reason } of exceptionsOf(files, resources[0]?.urn)) {
          report(`The rule ${rule} is switched off for this stack, because ${reason} (key policyExceptions).`);
        }
      },
    },
    {
      name: "exceptions-known",
      description: "An exception is of a rule that there is",
      enforcementLevel: "mandatory",
      validateStack: ({ resources }, report) => {
        for (const { rule } of exceptionsOf(files, resources[0]?.urn)) {
          if (rules.some(({ name }) => name === rule)) continue;
          report(
            `policyExceptions names "${rule}", which is not a rule, so it excepts nothing. ` +
              `The rules are ${rules.map(({ name }) => name).join(", ")}.`,
          );
        }
      },
    },
  ];
};
