import { createHash } from "node:crypto";

/** Differs whenever one of the texts does: rolls pods whose files or environment are read only at their start. */
export const fingerprint = (...texts: readonly (string | undefined)[]): string =>
  createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 16);
