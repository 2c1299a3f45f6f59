import { checkOneOf, requireBytes } from '../options.ts';
import { lay } from './build.ts';
import { type Definition, type Fields, type Tail, tailBytes, writeFields } from './definition.ts';
import type { Frame, FrameParts } from './frame.ts';
import { definitionOf, LAYER_NAMES, type LayerName, layersBehind } from './layers.ts';

/**
 * The layers of a frame, or of what begins with another layer than `ether`; `'ip'` is an IP packet of either version.
 * `build` gives the same bytes again, whatever they are: what is
 * no header known here is payload.
 *
 * What `build` would fill with the same value is left out. So a length or checksum that a layer has is a wrong one, and
 * the others stay right when the frame is changed; {@link complete} puts them in.
 */
export function parse(bytes: Uint8Array, from?: LayerName | 'ip'): Frame {
  requireBytes('bytes', bytes);
  // A copy: slices of a Buffer would share its memory, which may be written to again.
  return withoutFilled(
    read(new Uint8Array(bytes), checkOneOf('from', from, ['ip', ...LAYER_NAMES], 'ether')),
  );
}

/** The layers with all their fields: those too that `build` fills. */
export function complete(frame: FrameParts): Frame {
  const { u8, places } = lay(frame);
  return places.map(({ definition, layer, at, content }) => {
    const fields = readFields(definition, u8, at);
    const others = Object.entries(layer).filter(([name]) => !(name in definition.fields));
    const complete: Record<string, unknown> = {
      layer: layer.layer,
      ...fields,
      ...Object.fromEntries(others),
    };
    const { length, tail } = definition;
    if (tail !== undefined && content > at + length)
      complete[tail.name] = readTail(tail, u8, at + length, content) ?? layer[tail.name];
    return complete;
  }) as unknown as Frame;
}

function readFields(definition: Definition, u8: Uint8Array, at: number): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(definition.fields))
    if (field.isThere === undefined || field.isThere(u8, at)) values[name] = field.read(u8, at);
  return values;
}

function readTail(tail: Tail, u8: Uint8Array, start: number, end: number): unknown {
  return tail.read === undefined ? u8.slice(start, end) : tail.read(u8, start, end);
}

/** All layers with all their fields. */
function read(u8: Uint8Array, from: LayerName | 'ip'): Fields[] {
  const layers: Fields[] = [];
  let at = 0;
  let end = u8.length;
  let hasEnd = false;
  let version = 0;
  let number = 0;
  let candidates: readonly string[] = [from === 'ip' ? (u8[0] >> 4 === 6 ? 'ipv6' : 'ipv4') : from];
  for (;;) {
    const found = readFirst(candidates, version, u8, at, end);
    if (found === undefined) break;
    const { definition, layer, content } = found;
    layers.push({ ...layer, ...definition.named?.(number) });
    if (definition.name === 'ipv4') version = 4;
    if (definition.name === 'ipv6') version = 6;
    // Inside of a packet there is no padding: what is behind an inner end belongs to the outer packet.
    if (!hasEnd && definition.contentEnd !== undefined) {
      const stated = definition.contentEnd(u8, at, content);
      if (stated <= end) {
        end = stated;
        hasEnd = true;
      }
    }
    const { next } = definition;
    number = next === undefined ? -1 : (layer[next.field] as number);
    candidates =
      definition.behind?.(u8, at, end) ?? (next === undefined ? [] : layersBehind(next.space, number));
    at = content;
  }
  if (at < end) layers.push({ layer: 'payload', bytes: u8.slice(at, end) });
  if (end < u8.length) layers.push({ layer: 'padding', bytes: u8.slice(end) });
  return layers;
}

interface Found {
  readonly definition: Definition;
  readonly layer: Fields;
  /** Offset behind the header. */
  readonly content: number;
}

function readFirst(
  names: readonly string[],
  version: number,
  u8: Uint8Array,
  at: number,
  end: number,
): Found | undefined {
  for (const name of names) {
    const definition = definitionOf(name) as Definition;
    if (definition.over !== undefined && at > 0 && definition.over !== version) continue;
    const found = readLayer(definition, u8, at, end);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Undefined when the bytes are not such a layer, or it could not be written as it is. */
function readLayer(definition: Definition, u8: Uint8Array, at: number, end: number): Found | undefined {
  const { name, length, tail, matches } = definition;
  if (end - at < length || matches?.(u8, at, end) === false) return undefined;
  const layer: Record<string, unknown> & { layer: string } = {
    layer: name,
    ...readFields(definition, u8, at),
  };
  let content = at + length;
  if (tail !== undefined) {
    const start = content;
    content = tail.end(u8, at, end);
    if (content < start || content > end) return undefined;
    const bytes = u8.slice(start, content);
    const value = readTail(tail, u8, start, content);
    if (value === undefined) return undefined;
    if (!isEmpty(value)) layer[tail.name] = value;
    if (!isSame(tailBytes(definition, layer), bytes)) {
      if (tail.exact === undefined) return undefined;
      layer[tail.exact] = bytes;
    }
  }
  const header = new Uint8Array(length);
  writeFields(header, 0, definition, layer);
  return isSame(header, u8.subarray(at, at + length)) ? { definition, layer, content } : undefined;
}

/** No options are not a field. */
function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The layers without the fields that come out the same when they are filled. */
function withoutFilled(full: readonly Fields[]): Frame {
  const layers: Fields[] = full.map((layer) => {
    const fields = definitionOf(layer.layer)?.fields;
    return Object.fromEntries(Object.entries(layer).filter(([name]) => !fields?.[name]?.filled)) as Fields;
  });
  const put = (index: number, name: string) => {
    layers[index] = { ...layers[index], [name]: full[index][name] };
  };
  const first = lay(layers as unknown as Frame);
  for (const [index, { definition, at }] of first.places.entries()) {
    for (const [name, field] of Object.entries(definition.fields))
      if (field.filled && name !== 'checksum' && field.read(first.u8, at) !== full[index][name])
        put(index, name);
  }
  // Checksums count all that, and outer ones count inner ones.
  const { u8, places } = lay(layers as unknown as Frame);
  for (const [index, place] of [...places.entries()].toReversed()) {
    const { definition, at } = place;
    const { checksum } = definition.fields;
    if (checksum === undefined) continue;
    definition.checksum?.(u8, place);
    if (checksum.read(u8, at) === full[index].checksum) continue;
    put(index, 'checksum');
    checksum.write(u8, at, full[index].checksum, 'checksum');
  }
  return layers as unknown as Frame;
}
