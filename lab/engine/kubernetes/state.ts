import { randomBytes } from "node:crypto";
import { plainObject, type Values } from "../values";
import { annotationOf, apiVersionOf, markSecrets, objectAt, textAt } from "./object";

/** Under this name the official provider creates; it applies under one of the object's own. */
export const creator = "pulumi-kubernetes";

/** The name under which an object is applied: the program's choice, or what the state has, or a new one. */
export function managerOf(wanted: Values, state: Values): string {
  const known = textAt(state, "__fieldManager");
  return annotationOf(wanted, "patchFieldManager") ?? known ?? `${creator}-${randomBytes(4).toString("hex")}`;
}

/** What Pulumi's state keeps: the live object, and beside it the inputs, as the official provider does. */
export function checkpoint(inputs: Values, live: Values, manager: string): Values {
  return {
    ...markSecrets(live, inputs),
    __inputs: inputs,
    __initialApiVersion: apiVersionOf(live),
    __fieldManager: manager,
  };
}

/** The inputs and the live object of a state. */
export function parseState(state: Values, oldInputs: Values): { inputs: Values; live: Values } {
  const { __inputs, __initialApiVersion, __fieldManager, ...live } = plainObject(state);
  const kept = objectAt({ __inputs, __initialApiVersion, __fieldManager } as Values, "__inputs");
  return { inputs: Object.keys(kept).length > 0 ? kept : plainObject(oldInputs), live };
}
