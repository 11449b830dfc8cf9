import { join } from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { parseExceptions } from "../domain/exceptions";
import { policiesOf } from "./pack";
import { rules } from "./rules";
import { readStackFiles } from "./stackFiles";

// The engine hands over the configuration of the stack that it runs in this variable.
const configuration = JSON.parse(process.env["PULUMI_CONFIG"] ?? "{}") as Record<string, string | undefined>;
const exceptions = parseExceptions(configuration["marimo-dr:policyExceptions"] ?? "");

new PolicyPack("marimo-dr", { policies: policiesOf(rules, exceptions, () => readStackFiles(join(__dirname, ".."))) });
