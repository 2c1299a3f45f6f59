import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger, checkObject, checkOneOf, show } from '../options.ts';
import { DEFAULT_PAYLOAD_ETHER_TYPES } from './ethernet-response.ts';
import { checkEtherType } from './l2-endpoint.ts';

/** Any logger with these methods (pino, console …). */
export interface Logger {
  debug(object: object, message: string): void;
  info(object: object, message: string): void;
  warn(object: object, message: string): void;
  error(object: object, message: string): void;
}

const LOG_METHODS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly (keyof Logger)[];

/** Options of every relay. */
export interface RelayOptions {
  /**
   * 'single' (default) passes each frame to the interface when it is written. 'batch' gathers frames until a batch
   * is full or the current turn of the event loop ends, for more throughput under load. In both modes, frames sent
   * from a receive callback, by one `trySendMany`, or by the sockets of a host in one turn are gathered.
   */
  sendingMode?: 'single' | 'batch';
  /**
   * Maximum number of writers that wait for room to send. With 0 they fail at once with NoRoomError. 0 to
   * 1,048,576, default 1024.
   */
  sendDepth?: number;
  /**
   * Number of packets that each conn queues for its readers, unless it has its own option. 1 to 1,048,576, default
   * 1024.
   */
  receiveDepth?: number;
  /** Also delivers frames between the conns of this relay, which no switch would send back. Default false. */
  hairpin?: boolean;
  /** EtherTypes whose payload an EthernetResponse carries. Default IPv4 and IPv6. */
  ethernetTypes?: readonly number[];
  /** Receives life cycle messages, but none about single frames. */
  logger?: Logger;
}

/** Names of the options that all relays have. */
export const RELAY_OPTIONS: readonly string[] = [
  'sendingMode',
  'sendDepth',
  'receiveDepth',
  'hairpin',
  'ethernetTypes',
  'logger',
];

/** Parts the options of a relay that opens its own link: the relay's, and the rest, which the link checks. */
export function splitOptions(options: object): [RelayOptions, Record<string, unknown>] {
  checkObject(options);
  const relay: Record<string, unknown> = {};
  const link: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options))
    (RELAY_OPTIONS.includes(name) ? relay : link)[name] = value;
  checkRelayOptions(relay);
  return [relay, link];
}

/** Checks the options that all relays have; other names are the business of who opens the link. */
export function checkRelayOptions(options: RelayOptions): Required<Omit<RelayOptions, 'logger'>> {
  const etherTypes: unknown = options.ethernetTypes ?? DEFAULT_PAYLOAD_ETHER_TYPES;
  if (!Array.isArray(etherTypes))
    throw new OptionError('ethernetTypes', `must be an array, got ${show(etherTypes)}`);
  for (const etherType of etherTypes) checkEtherType(etherType, 'ethernetTypes');
  if (options.logger !== undefined) checkLogger(options.logger);
  return {
    sendingMode: checkOneOf('sendingMode', options.sendingMode, ['single', 'batch'], 'single'),
    sendDepth: checkInteger('sendDepth', options.sendDepth, 0, 1_048_576, 1024),
    receiveDepth: checkInteger('receiveDepth', options.receiveDepth, 1, 1_048_576, 1024),
    hairpin: checkBoolean('hairpin', options.hairpin, false),
    ethernetTypes: Object.freeze([...etherTypes]),
  };
}

/** All of its methods, so that none is missing when there is something to tell. */
function checkLogger(logger: unknown): void {
  const missing = LOG_METHODS.filter((name) => typeof (logger as Logger | null)?.[name] !== 'function');
  if (missing.length === 0) return;
  const what = missing.length === LOG_METHODS.length ? 'has none' : `lacks ${missing.join(' and ')}`;
  throw new OptionError('logger', `must have the methods debug, info, warn and error, ${what}`);
}
