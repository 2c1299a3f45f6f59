// Integration tests on real interfaces; only where there are namespaces.
import assert from 'node:assert/strict';
import { captureTo, EtherConn, Relay, type RelayCapture, XDPRelay } from 'etherconn';
import { addVethPair, namespaceObstacle, openNamespace, requireNamespaces } from 'etherconn/testing';

/** Only compiled: needs privileges. */
export async function echo(): Promise<void> {
  await using near = await openNamespace();
  await using far = await openNamespace();
  addVethPair({ namespace: near, name: 'a0' }, { namespace: far, name: 'b0' });
  await using relay = await Relay.open('a0', { netns: near.path });
  const capture: RelayCapture = captureTo(relay, 'all.pcapng', { snapLength: 128 });
  await using conn = new EtherConn('02:00:00:00:00:01', relay);
  if (relay instanceof XDPRelay) console.log(relay.info().kind, conn.toString(), capture.frames);
}

assert.equal(requireNamespaces() === false, namespaceObstacle() === false);
