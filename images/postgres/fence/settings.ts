import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fence, type FenceSettings } from "../../../domain/fence";

/** What this member's fence keeps, as the program wrote it. */
export const settings = JSON.parse(readFileSync(join(fence.settingsFolder, "fence.json"), "utf8")) as FenceSettings;

/** The pod's name. */
export const member = hostname();
