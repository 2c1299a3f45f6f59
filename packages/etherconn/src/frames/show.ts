import { printFrame, printPacket } from '../wire/print.ts';
import { lay } from './build.ts';
import { definitionsOf, type FrameParts } from './frame.ts';
import { definitionOf } from './layers.ts';
import { complete } from './parse.ts';

/** A frame for people. Not stable: not to be parsed. */

/** In one line: what `printFrame` of etherconn/wire says, or for other layers than Ethernet and IP their names. */
export function summary(frame: FrameParts): string {
  const { u8, places } = lay(frame);
  const first = places[0]?.layer.layer;
  if (first === 'ether') return printFrame(u8);
  if (first === 'ipv4' || first === 'ipv6') return printPacket(u8);
  return places.map(({ layer }) => layer.layer).join(' / ');
}

/** In lines: each layer with all its fields; behind those that `build` has filled stands a star. */
export function show(frame: FrameParts): string {
  const given = definitionsOf(frame).map(({ layer }) => layer);
  return complete(frame)
    .map((layer, index) => {
      const fields = definitionOf(layer.layer)?.fields ?? {};
      const lines = Object.entries(layer).flatMap(([name, value]) => {
        if (name === 'layer' || value === undefined) return [];
        const isFilled = fields[name]?.filled === true && given[index][name] === undefined;
        return [`  ${name.padEnd(16)} ${format(value, fields[name]?.hexDigits ?? 0)}${isFilled ? ' *' : ''}`];
      });
      return [layer.layer, ...lines].join('\n');
    })
    .join('\n');
}

/** Bytes that are shown of a field. */
const BYTES_SHOWN = 32;

function format(value: unknown, hexDigits = 0): string {
  if (typeof value === 'number' && hexDigits > 0) return `0x${value.toString(16).padStart(hexDigits, '0')}`;
  if (value instanceof Uint8Array) return formatBytes(value);
  if (Array.isArray(value)) return `[${value.map((one) => format(one)).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).map(([name, one]) => `${name}: ${format(one)}`);
    return `{ ${parts.join(', ')} }`;
  }
  return String(value);
}

function formatBytes(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, BYTES_SHOWN), (byte) => byte.toString(16).padStart(2, '0')).join(
    ' ',
  );
  return `${bytes.length} bytes: ${hex}${bytes.length > BYTES_SHOWN ? ' …' : ''}`;
}
