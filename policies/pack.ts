import type {
  Policies,
  PolicyResource,
  ReportViolation,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import type { Exception } from "../domain/exceptions";
import type { Resource, Rule, StackFiles } from "./rule";

const seen = ({ type, name, props, opts }: ResourceValidationArgs | PolicyResource): Resource => ({
  type,
  name,
  props,
  protect: opts.protect,
});

const noted = ({ name }: Rule, { reason }: Exception): StackValidationPolicy => ({
  name,
  description: `Not kept by this stack, because ${reason}`,
  enforcementLevel: "advisory",
  // Said in each run, so that nobody forgets it.
  validateStack: (_, report) => {
    report(`The rule ${name} is switched off, because ${reason} (key policyExceptions).`);
  },
});

const enforced = (rule: Rule, files: () => StackFiles): ResourceValidationPolicy | StackValidationPolicy => {
  const common = { name: rule.name, description: rule.promise, enforcementLevel: "mandatory" } as const;
  const all = (report: ReportViolation, faults: readonly string[]) => {
    for (const fault of faults) report(fault);
  };
  switch (rule.kind) {
    case "resource":
      return {
        ...common,
        validateResource: (resource, report) => {
          const fault = rule.check(seen(resource));
          if (fault !== undefined) report(fault);
        },
      };
    case "stack":
      return {
        ...common,
        validateStack: ({ resources }, report) => {
          all(report, rule.check(resources.map(seen)));
        },
      };
    case "files":
      return {
        ...common,
        validateStack: (_, report) => {
          all(report, rule.check(files()));
        },
      };
  }
};

/**
 * The rules as CrossGuard takes them. One that the stack's configuration excepts is not enforced, and says so in each run.
 * @throws RangeError for an exception of a rule that there isn't: it would be thought to hold
 */
export const policiesOf = (
  rules: readonly Rule[],
  exceptions: readonly Exception[],
  files: () => StackFiles,
): Policies => {
  const unknown = exceptions.filter(({ rule }) => !rules.some(({ name }) => name === rule));
  if (unknown.length > 0) {
    throw new RangeError(
      `policyExceptions names ${unknown.map(({ rule }) => `"${rule}"`).join(", ")}, which is not a rule. ` +
        `The rules are ${rules.map(({ name }) => name).join(", ")}.`,
    );
  }
  return rules.map((rule) => {
    const exception = exceptions.find((one) => one.rule === rule.name);
    return exception ? noted(rule, exception) : enforced(rule, files);
  });
};
