/** A rule that a stack doesn't keep, and why: what the key `policyExceptions` says. */
export interface Exception {
  readonly rule: string;
  readonly reason: string;
}

/**
 * Reads `RULE because REASON; RULE because REASON`.
 * @throws RangeError for a part without a rule or a reason of ten characters or more: who reads the plan must understand it
 */
export const parseExceptions = (text: string): Exception[] =>
  text
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^([a-z]+(?:-[a-z0-9]+)*) because (\S.{9,})$/.exec(part);
      if (!match?.[1] || !match[2]) throw new RangeError(`"${part}" is not RULE because REASON`);
      return { rule: match[1], reason: match[2] };
    });
