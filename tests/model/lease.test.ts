import assert from "node:assert/strict";
import { Duration } from "../../domain/duration";
import { explore } from "./lease/explore";
import { mutants } from "./lease/mutants";
import { LeaseSystem, type Surroundings, protocol } from "./lease/world";

/** The times of the real lease are scaled down to ticks; the margins are the least that this drift and misreading allow. */
const harsh: Surroundings = {
  from: "nothing",
  ticks: true,
  times: { validity: Duration.seconds(2), holderMargin: Duration.seconds(1), takerMargin: Duration.seconds(0) },
  drift: 1,
  misreading: 1,
  condition: "version",
  stamp: "reader",
  lateAnswers: false,
  delayed: 2,
  restarts: true,
  handOvers: true,
  wipes: false,
  liveness: false,
  word: "none",
};

/** MARIMO_MODEL=full visits all reachable worlds of each; it takes more than half an hour. */
const isFull = process.env["MARIMO_MODEL"] === "full";
const everything = 10_000_000;

const settings: readonly [name: string, surroundings: Surroundings, limit: number][] = [
  [
    "writes land within a tick or never; regions start anew",
    { ...harsh, delayed: 0, handOvers: false, liveness: true },
    5_000,
  ],
  ["writes land at any time; regions start anew and hand over", harsh, 5_000],
  [
    "an operator says rightly that a vault is lost; it returns",
    { ...harsh, delayed: 0, handOvers: false, word: "right" },
    5_000,
  ],
  ["an operator is wrong", { ...harsh, delayed: 0, handOvers: false, word: "wrong", from: "writer" }, 5_000],
  ["answers come late", { ...harsh, delayed: 0, restarts: false, lateAnswers: true }, 5_000],
  ["vaults lose their objects", { ...harsh, delayed: 0, handOvers: false, wipes: true }, 5_000],
];

describe("model of the writer's lease", function () {
  this.timeout(isFull ? 3_600_000 : 300_000);

  for (const [name, surroundings, limit] of settings) {
    it(`holds: ${name}`, function () {
      const result = explore(new LeaseSystem(surroundings), isFull ? everything : limit);
      assert.equal(result.fault, undefined, JSON.stringify(result.fault, null, 2));
      assert.ok(result.complete || limit < everything);
      const extent = result.complete ? "all" : "the nearest";
      if (this.test) this.test.title += ` (${extent} ${result.states} states)`;
    });
  }

  for (const { name, code, surroundings, fault } of mutants) {
    it(`finds: ${name}`, function () {
      const system = new LeaseSystem(
        { ...harsh, from: "writer", handOvers: false, ...surroundings },
        { ...protocol, ...code },
      );
      const result = explore(system, 300_000);
      assert.ok(result.fault, `not found in ${result.states} states`);
      assert.match(result.fault.message, fault);
      if (this.test) this.test.title += ` (${result.fault.trace.length} steps)`;
      if (process.env["MARIMO_MODEL"]) console.log(`${name}\n  ${result.fault.trace.join("\n  ")}\n`);
    });
  }
});
