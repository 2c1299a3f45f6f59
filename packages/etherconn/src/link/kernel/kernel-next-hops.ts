import type { Clock, ClockTimer } from '../../clock.ts';
import { SystemError } from '../../errors.ts';
import type { Addon, NativeSocket } from '../../native/addon.ts';
import { during } from '../../native/system-error.ts';
import { isLimitedBroadcast, isLinkLocalIpv6, isMulticastIp, parseIp } from '../../wire/ip.ts';
import { BROADCAST, ipv4MulticastMac, ipv6MulticastMac } from '../../wire/mac.ts';
import {
  errnoName,
  type KernelNeighbor,
  type KernelRoute,
  neighborRequest,
  parseNeighbor,
  parseRoute,
  routeRequest,
  useNeighborRequest,
} from './neighbor-netlink.ts';
import { openRouteSocket, parseAcknowledgement } from './netlink.ts';

/** Milliseconds for which an answer is believed: what the kernel learns is known here no later. */
const BELIEVED = 2000;
/** Milliseconds between looks at a neighbor that is being asked for: from the first to the last. */
const FIRST_LOOK = 1;
const LAST_LOOK = 64;
/** Milliseconds after which nobody waits any more; the kernel itself gives up after three requests, one a second. */
const PATIENCE = 4000;
/** Answers that are kept; beyond, the one that came first goes. */
const MOST_KNOWN = 4096;
const ANSWER_SIZE = 4096;

type NextHop = Uint8Array | null | Promise<Uint8Array | null>;

interface Known {
  readonly answer: Uint8Array | Promise<Uint8Array | null>;
  /** Time of the clock until which it is believed. */
  readonly until: number;
}

/**
 * The MAC addresses to which the kernel itself would send, out of one interface: its routes and neighbor tables,
 * asked for by rtnetlink. A neighbor that the kernel does not know is asked for by the kernel, and waited for.
 */
export class KernelNextHops {
  readonly #addon: Addon;
  readonly #socket: NativeSocket;
  readonly #interfaceIndex: number;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #answer = new Uint8Array(ANSWER_SIZE);
  readonly #waits = new Set<{ timer: ClockTimer; give: (mac: null) => void }>();
  #closed = false;

  /** The interface with that index in the namespace as of the addon's `socketOpen`. Throws a SystemError. */
  constructor(addon: Addon, namespaceFd: number, interfaceIndex: number, clock: Clock) {
    this.#addon = addon;
    this.#socket = during('opening a socket to ask for next hops', () => openRouteSocket(addon, namespaceFd));
    this.#interfaceIndex = interfaceIndex;
    this.#clock = clock;
  }

  /**
   * The next hop towards an IP address (text): at once if the kernel knows it, else a promise. Null when there is no
   * way there: no route, the machine's own address, or a neighbor that does not answer within 4 s. Throws a
   * SystemError: EPERM when the kernel does not know the neighbor, and CAP_NET_ADMIN is missing to have it ask.
   */
  resolve(address: string): NextHop {
    if (this.#closed) return null;
    const known = this.#known.get(address);
    if (known !== undefined && this.#clock.now() < known.until) return known.answer;
    this.#known.delete(address);
    const bytes = parseIp(address);
    if (isMulticastIp(bytes, 0, bytes.length === 4 ? 4 : 6)) {
      return bytes.length === 4 ? ipv4MulticastMac(bytes) : ipv6MulticastMac(bytes);
    }
    const route = this.#route(bytes);
    if (route?.kind === 'broadcast') return BROADCAST;
    if (route?.kind !== 'unicast') return null;
    return this.#neighbor(address, route.gateway ?? bytes);
  }

  /** Whoever waits is given null. Harmless when repeated. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { timer, give } of this.#waits) {
      timer.cancel();
      give(null);
    }
    this.#waits.clear();
    this.#known.clear();
    this.#addon.socketClose(this.#socket);
  }

  /** Undefined when the kernel knows no way there. */
  #route(address: Uint8Array): KernelRoute | undefined {
    const ask = (interfaceIndex: number): KernelRoute | undefined => {
      const answer = parseRoute(this.#ask(routeRequest(interfaceIndex, address)));
      return 'value' in answer ? answer.value : undefined;
    };
    if (!isOfThisLink(address)) {
      // Told an interface, the kernel takes everything it has no route for to be on the link (IPv4), and passes over
      // routes that forbid.
      const best = ask(0);
      if (best?.kind !== 'unicast' || best.interfaceIndex === this.#interfaceIndex) return best;
    }
    return ask(this.#interfaceIndex);
  }

  #neighbor(address: string, hop: Uint8Array): NextHop {
    const found = this.#look(hop);
    if (found?.mac !== undefined) {
      // Without the right to change neighbors the kernel confirms it some other time.
      if (found.stale) this.#use(hop);
      return this.#keep(address, found.mac);
    }
    const errno = found?.pending ? 0 : this.#use(hop);
    if (errno !== 0) throw useError(errno, address);
    const answer = this.#wait(hop).then((mac) => {
      if (mac === null) this.#known.delete(address);
      else if (!this.#closed) this.#keep(address, mac);
      return mac;
    });
    this.#remember(address, { answer, until: Number.POSITIVE_INFINITY });
    return answer;
  }

  /** Looks again and again until the kernel knows, or has given up. */
  #wait(hop: Uint8Array): Promise<Uint8Array | null> {
    const end = this.#clock.now() + PATIENCE;
    return new Promise((give) => {
      let delay = FIRST_LOOK;
      const look = () => {
        this.#waits.delete(wait);
        const found = this.#look(hop);
        if (found?.mac !== undefined) give(found.mac);
        else if (!found?.pending || this.#clock.now() >= end) give(null);
        else arm();
      };
      const wait = { timer: NO_TIMER, give };
      const arm = () => {
        wait.timer = this.#clock.setTimer(look, delay);
        this.#waits.add(wait);
        delay = Math.min(2 * delay, LAST_LOOK);
      };
      arm();
    });
  }

  #look(hop: Uint8Array): KernelNeighbor | undefined {
    const answer = parseNeighbor(this.#ask(neighborRequest(this.#interfaceIndex, hop)));
    return 'value' in answer ? answer.value : undefined;
  }

  /** Returns the errno, 0 for success. */
  #use(hop: Uint8Array): number {
    return parseAcknowledgement(this.#ask(useNeighborRequest(this.#interfaceIndex, hop)));
  }

  #keep(address: string, mac: Uint8Array): Uint8Array {
    this.#remember(address, { answer: mac, until: this.#clock.now() + BELIEVED });
    return mac;
  }

  #remember(address: string, known: Known): void {
    this.#known.delete(address);
    if (this.#known.size >= MOST_KNOWN) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(address, known);
  }

  #ask(message: Uint8Array): Uint8Array {
    const length = during('asking the kernel for a next hop', () =>
      this.#addon.netlinkRequest(this.#socket, message, this.#answer),
    );
    return this.#answer.subarray(0, length);
  }
}

/** Addresses that mean something on a link only: fe80::/10 (RFC 4291 §2.5.6) and 255.255.255.255 (RFC 919 §7). */
function isOfThisLink(address: Uint8Array): boolean {
  return address.length === 16 ? isLinkLocalIpv6(address) : isLimitedBroadcast(address);
}

const NO_TIMER: ClockTimer = { cancel() {} };

function useError(errno: number, address: string): SystemError {
  const code = errnoName(errno);
  const why =
    code === 'EPERM'
      ? 'the kernel does not know its MAC address, and having it ask needs CAP_NET_ADMIN'
      : 'the kernel refuses to ask for its MAC address';
  return new SystemError(code, -errno, 'send', `resolving ${address}: ${why} (${code}, RTM_NEWNEIGH)`);
}
