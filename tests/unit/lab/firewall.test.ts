import assert from "node:assert/strict";
import { removalOfUnusedChains } from "../../../lab/firewall";

// As `iptables -S` listed them, with and without a podman network.
const unusedNat = `-P PREROUTING ACCEPT
-P OUTPUT ACCEPT
-N NETAVARK-DN-67CD0EC48DA26
-N NETAVARK-HOSTPORT-DNAT
-N NETAVARK-HOSTPORT-MASQ
-N NETAVARK-HOSTPORT-SETMARK
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-A NETAVARK-HOSTPORT-MASQ -m comment --comment "netavark portfw masq mark" -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000`;
const unusedFilter = `-P FORWARD ACCEPT
-N NETAVARK_FORWARD
-A FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD`;

describe("removal of the firewall chains that podman leaves behind", () => {
  it("takes the jumps first, then the chains, and no rule of anybody else", () => {
    assert.equal(
      removalOfUnusedChains("nat", unusedNat),
      `*nat
-D PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-D POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-F NETAVARK-DN-67CD0EC48DA26
-F NETAVARK-HOSTPORT-DNAT
-F NETAVARK-HOSTPORT-MASQ
-F NETAVARK-HOSTPORT-SETMARK
-X NETAVARK-DN-67CD0EC48DA26
-X NETAVARK-HOSTPORT-DNAT
-X NETAVARK-HOSTPORT-MASQ
-X NETAVARK-HOSTPORT-SETMARK
COMMIT
`,
    );
    assert.match(
      removalOfUnusedChains("filter", unusedFilter) ?? "",
      /^-D FORWARD .* -j NETAVARK_FORWARD\n-F NETAVARK_FORWARD$/m,
    );
  });

  it("does nothing where there are no such chains", () => {
    assert.equal(removalOfUnusedChains("nat", "-P PREROUTING ACCEPT\n-N DOCKER\n-A DOCKER -j RETURN"), undefined);
  });

  const inUse: [string, string][] = [
    [
      "a network's masquerading",
      `${unusedNat}\n-N NETAVARK-1D8721804F16F\n-A NETAVARK-1D8721804F16F -d 10.88.0.0/16 -j ACCEPT`,
    ],
    ["a published port", `${unusedNat}\n-A NETAVARK-HOSTPORT-DNAT -p tcp --dport 80 -j NETAVARK-DN-67CD0EC48DA26`],
    ["forwarding", `${unusedFilter}\n-A NETAVARK_FORWARD -s 10.88.0.0/16 -j ACCEPT`],
  ];
  for (const [name, listing] of inUse) {
    it(`leaves all alone while another network has ${name}`, () => {
      assert.equal(removalOfUnusedChains("nat", listing), undefined);
    });
  }
});
