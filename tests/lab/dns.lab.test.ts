import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { checking, worstFlip, writablePath } from "../../domain/dns";
import { Duration } from "../../domain/duration";
import { dns, dnsName, dnsZone } from "../../lab/dns";
import { PowerDns } from "../../lab/engine/powerdns";
import { dnsAddress } from "../../lab/environment";
import { paths } from "../../lab/paths";
import { configureGlobal, globalConfiguration } from "../../lab/pulumi";
import { command, succeed } from "./region";

/** The machine's own address in the lab's network: here the test answers in the secondary region's place. */
const here = "10.231.0.1";
const port = 30099;
const primary = globalConfiguration["primaryAddress"] ?? "";

/** The DNS server looks every 2 s, and a look takes 2 s at most. */
const patienceSeconds = 8;

const pulumi = (...args: string[]) =>
  command("pulumi", ["-C", paths.pulumiProject, "--non-interactive", "--stack", "global", ...args]);

/** The region's `GET /dr/writable`: nobody there, or one who says yes or no. */
class Region {
  private server: Server | undefined;
  private status = 503;
  asked = 0;

  async says(writable: boolean): Promise<void> {
    this.status = writable ? 200 : 503;
    if (this.server) return;
    this.server = createServer((request, response) => {
      this.asked += 1;
      response.writeHead(request.url === writablePath ? this.status : 404).end();
    });
    await once(this.server.listen(port, here), "listening");
  }

  async dies(): Promise<void> {
    if (!this.server) return;
    const closed = once(this.server, "close");
    this.server.close();
    this.server.closeAllConnections();
    this.server = undefined;
    await closed;
  }
}

/**
 * The stack `global` in the lab: Route 53's resources on a real DNS server. What it does not prove: that Route 53 takes them, and
 * how fast it is; the times that are printed are the lab's.
 */
describe("DNS failover", function () {
  this.timeout("5m");
  this.bail(true);

  const region = new Region();
  const api = new PowerDns(dnsAddress);
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([dnsAddress]);

  const answer = async (): Promise<string> => {
    const [first, ...more] = await resolver.resolve4(dnsName, { ttl: true });
    assert.ok(first && more.length === 0);
    assert.ok(first.ttl <= 60, `a time to live of ${first.ttl} s`);
    return first.address;
  };

  /** Seconds until the answer is this one. */
  const flip = async (to: string): Promise<number> => {
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    while ((await answer()) !== to) {
      assert.ok(seconds() < patienceSeconds, `the answer is not ${to} after ${patienceSeconds} s`);
      await pause(50);
    }
    return seconds();
  };

  /** The answer stays what it is, through at least two checks. */
  const stays = async (to: string): Promise<void> => {
    const before = region.asked;
    const limit = performance.now() + 3 * patienceSeconds * 1000;
    while (region.asked < before + 2) {
      assert.equal(await answer(), to);
      assert.ok(performance.now() < limit, "nobody checks the secondary region");
      await pause(50);
    }
    assert.equal(await answer(), to);
  };

  before(async () => {
    await dns.start();
    await configureGlobal();
    await succeed(pulumi("config", "set", "secondaryAddress", here));
    await succeed(pulumi("config", "set", "healthPort", String(port)));
    await succeed(pulumi("up", "--yes", "--skip-preview", "--refresh"));
  });

  after(async () => {
    await region.dies();
    await configureGlobal();
    await succeed(pulumi("up", "--yes", "--skip-preview"));
  });

  it("a second pulumi up changes nothing, and a preview tells so", async () => {
    await succeed(pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh"));
    await succeed(pulumi("preview", "--expect-no-changes"));
  });

  it("protects the zone and the checks, which would lead astray when made anew", async () => {
    const state = JSON.parse(await succeed(pulumi("stack", "export"))) as {
      deployment: { resources: { type: string; protect?: boolean }[] };
    };
    const ours = state.deployment.resources.filter(({ type }) => /^aws:route53\/(zone|healthCheck):/.test(type));
    assert.deepEqual(
      ours.map(({ protect }) => protect),
      [true, true, true],
    );
  });

  it("leads to the primary while nobody answers in the secondary region", async () => {
    assert.equal(await answer(), primary);
  });

  it("flips when the secondary region becomes writable, and back, and nothing is written to DNS", async () => {
    const written = await api.zone(dnsZone);
    assert.ok(written);
    const times: Record<string, number> = {};
    const measure = async (what: string, to: string) => {
      times[what] = Number((await flip(to)).toFixed(1));
    };

    await region.says(false);
    await stays(primary);
    await region.says(true);
    await measure("writable", here);
    await stays(here);
    await region.says(false);
    await measure("not writable", primary);
    await region.says(true);
    await measure("writable again", here);
    await region.dies();
    await measure("dead", primary);
    await region.says(true);
    await measure("back", here);

    assert.deepEqual(await api.zone(dnsZone), written);
    const ttl = Duration.seconds(60);
    const cloud = worstFlip("route53", ttl).toSecondary.seconds;
    console.log(`      seconds until the server's answer changed: ${JSON.stringify(times)}`);
    console.log(
      `      Route 53 at worst, by its documents: ${cloud} s, ${ttl.seconds} s of them in resolvers, ` +
        `${checking.route53.failures} checks every ${checking.route53.interval.seconds} s`,
    );
  });

  it("an address that changes is followed", async () => {
    await succeed(pulumi("config", "set", "secondaryAddress", "10.231.0.23"));
    await succeed(pulumi("up", "--yes", "--skip-preview"));
    await flip(primary);
    await succeed(pulumi("config", "set", "secondaryAddress", here));
    await succeed(pulumi("up", "--yes", "--skip-preview"));
    await flip(here);
  });
});
