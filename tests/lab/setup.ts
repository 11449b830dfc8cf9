import { refuseUsedVaults } from "../../lab/stage/surroundings";
import { down, up } from "../../lab/lab";

/** Brings the lab up before the first lab test and removes it after the last; KEEP_LAB=1 leaves it, for work on tests. */
export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(0);
    refuseUsedVaults();
    await up({ regions: ["primary"] });
  },
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(0);
    if (process.env["KEEP_LAB"] === undefined) await down();
  },
};
