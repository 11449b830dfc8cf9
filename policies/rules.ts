import { cloudRules } from "./clouds";
import { filesRules } from "./files";
import { kubernetesRules } from "./kubernetes";
import type { Rule } from "./rule";
import { vaultRules } from "./vaults";

/** Every rule, in the order in which a reader meets them. */
export const rules: readonly Rule[] = [...vaultRules, ...kubernetesRules, ...cloudRules, ...filesRules];
