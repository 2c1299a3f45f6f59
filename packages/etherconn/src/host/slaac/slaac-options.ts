import { randomBytes } from 'node:crypto';
import { OptionError } from '../../errors.ts';
import { checkBoolean, checkKnown, checkNumber, checkOneOf, show } from '../../options.ts';
import type { CallOptions } from '../../pending.ts';
import type { DetectDuplicates } from '../config/address-config.ts';
import type { IdentifierScheme } from './slaac-identifier.ts';

/** Options of `host.slaac()`. */
export interface SlaacOptions extends CallOptions {
  /**
   * The lower half of addresses: 'eui64' (default) derives it from the MAC address, 'stable' from a secret and the
   * prefix (RFC 7217).
   */
  identifiers?: 'eui64' | 'stable';
  /**
   * The secret for 'stable': text or bytes, at least 16 bytes. Default a random one, so that addresses differ in
   * each process.
   */
  secret?: string | Uint8Array;
  /** See the option of the host: 'optimistic' (default), 'wait' or 'off'. */
  detectDuplicates?: DetectDuplicates;
  /** Applies the MTU of routers if the host supports it. Default true. */
  applyMtu?: boolean;
  /** Maximum of a random delay before the first solicitation, in milliseconds (RFC 4861 §6.3.7). Default 0. */
  startDelay?: number;
  /**
   * Milliseconds to wait for the first address. After that the call fails with TimeoutError and undoes everything.
   * Default 60,000.
   */
  timeout?: number;
}

/** {@link SlaacOptions}, checked. */
export interface SlaacSettings {
  readonly scheme: IdentifierScheme;
  readonly detectDuplicates: DetectDuplicates;
  readonly applyMtu: boolean;
  readonly startDelay: number;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

const NAMES = ['identifiers', 'secret', 'detectDuplicates', 'applyMtu', 'startDelay', 'timeout', 'signal'];
const DEFAULT_TIMEOUT = 60_000;
/** RFC 7217 §5: at least 128 bits. */
const SECRET_MIN = 16;

let processSecret: Uint8Array | null = null;

/** Throws an OptionError for what is wrong. */
export function checkSlaacOptions(options: SlaacOptions): SlaacSettings {
  checkKnown(options, NAMES);
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new OptionError('signal', `must be an AbortSignal, got ${show(signal)}`);
  const kind = checkOneOf('identifiers', options.identifiers, ['eui64', 'stable'] as const, 'eui64');
  const modes = ['optimistic', 'wait', 'off'] as const;
  return {
    scheme: { kind, secret: secretOf(options.secret) },
    detectDuplicates: checkOneOf('detectDuplicates', options.detectDuplicates, modes, 'optimistic'),
    applyMtu: checkBoolean('applyMtu', options.applyMtu, true),
    startDelay: checkNumber('startDelay', options.startDelay, 0, 3_600_000, 0),
    timeout: checkNumber('timeout', options.timeout, 0, Number.POSITIVE_INFINITY, DEFAULT_TIMEOUT),
    signal,
  };
}

function secretOf(secret: string | Uint8Array | undefined): Uint8Array {
  if (secret === undefined) {
    processSecret ??= randomBytes(SECRET_MIN);
    return processSecret;
  }
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  if (!(bytes instanceof Uint8Array) || bytes.length < SECRET_MIN)
    throw new OptionError('secret', `must be text or bytes, ${SECRET_MIN} bytes or more`);
  return bytes;
}
