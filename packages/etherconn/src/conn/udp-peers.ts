import { NoNextHopError, OptionError } from '../errors.ts';
import { show } from '../options.ts';
import { type MacAddress, toMac } from '../relay/l2-endpoint.ts';
import { formatIp } from '../wire/ip.ts';
import { DestinationCache } from './destination-cache.ts';
import { type NextHopResolver, resolveNextHopMACWithBroadcast } from './next-hop.ts';
import { toUdpAddress, type UdpAddress } from './udp-address.ts';
import { UdpPeer } from './udp-peer.ts';
import type { UdpSource } from './udp-source.ts';

/** The destinations of a UDP endpoint, by address and port, and the way to their next hops. */
export class UdpPeers {
  readonly #source: UdpSource;
  readonly #resolve: NextHopResolver;
  /** A peer that was forgotten is made anew. */
  readonly #peers = new DestinationCache<UdpPeer>();

  constructor(source: UdpSource, resolve: NextHopResolver) {
    this.#source = source;
    this.#resolve = resolve;
  }

  /** The peer for one send, made if there is none. Asks for the next hop. */
  get(destination: UdpAddress): UdpPeer {
    const { address, port } = destination ?? {};
    if (typeof address === 'string') {
      const known = this.#peers.get(address, port as number);
      if (known !== null)
        return this.#resolve === resolveNextHopMACWithBroadcast ? known : this.#resolved(known, address);
    }
    const checked = toUdpAddress('destination', destination);
    const text = formatIp(checked.bytes, 0, checked.version);
    // By its usual text, too: addresses may be written in several ways.
    let peer = this.#peers.get(text, checked.port);
    if (peer === null) {
      peer = UdpPeer.of(this.#source, checked);
      this.#peers.set(text, checked.port, peer);
    }
    return this.#resolved(peer, text);
  }

  /** A peer for the user to keep. Asks for the next hop. */
  make(destination: UdpAddress): UdpPeer {
    const address = toUdpAddress('destination', destination);
    return this.#resolved(UdpPeer.of(this.#source, address), formatIp(address.bytes, 0, address.version));
  }

  /** Asks for the next hop, for every packet, as the Go package does: caching is up to the resolver. */
  #resolved(peer: UdpPeer, address: string): UdpPeer {
    // A caller that comes while an answer is awaited uses that answer.
    if (peer.resolving) return peer;
    const answer = this.#resolve(address);
    if (isPromise(answer)) peer.setPending(Promise.resolve(answer).then((mac) => nextHopMac(mac, address)));
    else peer.setMac(nextHopMac(answer, address));
    return peer;
  }
}

/** The resolver of an option; throws an OptionError when it is none. */
export function checkResolver(resolver: NextHopResolver | undefined): NextHopResolver {
  if (resolver === undefined) return resolveNextHopMACWithBroadcast;
  if (typeof resolver !== 'function')
    throw new OptionError('resolveNextHop', `must be a function, got ${show(resolver)}`);
  return resolver;
}

/** A promise of any make. */
function isPromise(answer: ReturnType<NextHopResolver>): answer is Promise<MacAddress | null> {
  return typeof (answer as { then?: unknown } | null)?.then === 'function';
}

function nextHopMac(mac: unknown, address: string): Uint8Array {
  if (mac === null || mac === undefined) throw new NoNextHopError(address);
  return toMac('next hop', mac as string | Uint8Array);
}
