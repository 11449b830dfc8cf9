import { Provider as Aws } from "@pulumi/aws/provider";
import { Provider as Gcp } from "@pulumi/gcp/provider";
import type { ProviderResource } from "@pulumi/pulumi";

export interface CloudsArgs {
  /** @default AWS isn't used */
  readonly aws: { readonly account: string; readonly region: string } | undefined;
  /** @default Google Cloud isn't used */
  readonly gcp: { readonly project: string } | undefined;
}

/**
 * The clouds' providers. AWS' one refuses credentials of another account before it asks for anything: a `refresh` with wrong
 * ones would find nothing, and drop every vault from the state. Google's names are global; there wrong ones are refused.
 */
export const clouds = ({ aws, gcp }: CloudsArgs): ProviderResource[] => [
  ...(aws ? [new Aws("aws", { region: aws.region, allowedAccountIds: [aws.account] })] : []),
  ...(gcp ? [new Gcp("gcp", { project: gcp.project })] : []),
];
