import { Command } from "commander";
import { layOutContext } from "./context";

new Command("image")
  .description("Lays out the folder from which the image of Postgres is built: docker build --tag IMAGE FOLDER")
  .argument("<folder>", "folder to fill; made if it is missing")
  .action(layOutContext)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
