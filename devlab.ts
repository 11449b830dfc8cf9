import { join } from "node:path";
import { configurePodman, ensureNetwork } from "./lab/engine";
import { goStep, goTools } from "./lab/go";
import { decideParts } from "./lab/parts";
import { dns } from "./lab/dns";
import { installProgram, writeLaunchers } from "./lab/pulumi";
import { ensure } from "./lab/step";
void (async () => {
  await decideParts(); configurePodman();
  const { directory } = await ensure(await goStep(goTools.pulumi));
  installProgram("pulumi", join(directory, "pulumi"));
  await ensureNetwork("podman");
  console.time("dns"); await dns.start(); console.timeEnd("dns");
  await writeLaunchers();
})();
