import { join } from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { policiesOf } from "./pack";
import { rules } from "./rules";
import { readStackFiles } from "./stackFiles";

new PolicyPack("marimo-dr", { policies: policiesOf(rules, readStackFiles(join(__dirname, ".."))) });
