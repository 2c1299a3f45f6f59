import { ScenarioError } from '../scenario/scenario-error.ts';

/** What a client's option may name in braces. */
export interface ClientNames {
  readonly n: number;
  readonly mac: string;
  /** '100.200'; empty without tags. */
  readonly vlan: string;
}

/** A DHCP option that the clients send. */
export interface ClientOption {
  readonly code: number;
  /** Whether each client has another one. */
  readonly isPersonal: boolean;
  /** Its bytes. */
  bytes(names: ClientNames): Uint8Array;
}

const RELAY_AGENT = 82;
const LENGTH_MAX = 255;
/** Options that the clients fill themselves: overload, type, requested address, server. */
const OWN = [50, 51, 52, 53, 54];

const encoder = new TextEncoder();

/**
 * `CODE=VALUE`: bytes as 0x…, or text in which {n}, {mac} and {vlan} stand for what the client has. Option 82 is of
 * sub-options: `82=1:VALUE,2:VALUE`, or of bytes.
 */
export function parseClientOption(option: string, text: string): ClientOption {
  const [, digits = '', value = ''] = /^(\d{1,3})=(.+)$/s.exec(text) ?? [];
  const code = Number(digits);
  if (digits === '' || code < 1 || code > 254)
    throw new ScenarioError(
      option,
      `must be CODE=VALUE with a code from 1 to 254, like 60=etherconn, got '${text}'`,
    );
  if (OWN.includes(code)) throw new ScenarioError(option, `${code} is filled by the clients themselves`);
  const make =
    code === RELAY_AGENT && !value.startsWith('0x') ? subOptions(option, value) : bytesOf(option, value);
  // What no client may have is told at once.
  make({ n: 0, mac: '02:00:00:00:00:00', vlan: '' });
  return value.includes('{') ? { code, isPersonal: true, bytes: make } : constant(code, make);
}

function constant(code: number, make: ClientOption['bytes']): ClientOption {
  const bytes = make({ n: 0, mac: '', vlan: '' });
  return { code, isPersonal: false, bytes: () => bytes };
}

function bytesOf(option: string, text: string): ClientOption['bytes'] {
  if (text.startsWith('0x')) {
    const hex = text.slice(2).replaceAll(':', '');
    if (!/^([0-9a-fA-F]{2})+$/.test(hex))
      throw new ScenarioError(option, `must have two digits for each byte behind 0x, got '${text}'`);
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
    return () => checked(option, bytes);
  }
  const unknown = [...text.matchAll(/\{([^}]*)\}/g)].find(([, name]) => !['n', 'mac', 'vlan'].includes(name));
  if (unknown !== undefined)
    throw new ScenarioError(option, `may name {n}, {mac} and {vlan}, got '${unknown[0]}'`);
  return (names) =>
    checked(
      option,
      encoder.encode(
        text.replace(/\{(n|mac|vlan)\}/g, (_all, name) => `${names[name as keyof ClientNames]}`),
      ),
    );
}

function subOptions(option: string, text: string): ClientOption['bytes'] {
  const parts = text.split(',').map((part) => {
    const [, digits = '', value = ''] = /^(\d{1,3}):(.+)$/s.exec(part) ?? [];
    const code = Number(digits);
    if (digits === '' || code < 1 || code > 254)
      throw new ScenarioError(option, `82 must be sub-options like 1:eth{n},2:0xaabb, got '${part}'`);
    return { code, make: bytesOf(option, value) };
  });
  return (names) =>
    checked(
      option,
      Uint8Array.from(
        parts.flatMap(({ code, make }) => {
          const bytes = make(names);
          return [code, bytes.length, ...bytes];
        }),
      ),
    );
}

function checked(option: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length > LENGTH_MAX)
    throw new ScenarioError(option, `must be at most ${LENGTH_MAX} bytes, got ${bytes.length}`);
  return bytes;
}
