import { Command, Option } from "commander";
import { parseScale } from "../workload/arguments";
import { scaleLimits } from "../workload/schema";

export interface DemoOptions {
  /** 1 is about 1 GB of database. */
  readonly scale: number;
  /** Leave the lab running at the end, and after a failure. */
  readonly keep: boolean;
  /** Repository that the rebuild reads. With `gcs` the S3 server is stopped before. */
  readonly from: "s3" | "gcs";
}

export const demoCommand = (): Command =>
  new Command("demo")
    .description("Loses a region with its database and Pulumi's state, rebuilds it, and counts what is left.")
    .option(
      "--scale <number>",
      `size of the database: 1 is about 1 GB (${scaleLimits.least} to ${scaleLimits.most})`,
      parseScale,
      1,
    )
    .option("--keep", "leave the lab running at the end", false)
    .addOption(
      new Option("--from <repository>", "rebuild from this one; gcs: with the S3 server down")
        .choices(["s3", "gcs"])
        .default("s3"),
    );
