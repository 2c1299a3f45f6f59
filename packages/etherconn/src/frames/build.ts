import { OptionError } from '../errors.ts';
import { type Place, tailBytes, writeFields } from './definition.ts';
import { definitionsOf, type FrameParts } from './frame.ts';

/**
 * The bytes of a frame: lengths, checksums, and the types that name the next layer are filled, fields that a layer has
 * are written as they are, right or wrong. Throws an OptionError that names the layer and field of a value that its
 * field cannot have, and when a length that is to be filled is too large.
 */
export function build(frame: FrameParts): Uint8Array {
  const { u8, places } = lay(frame);
  for (const { definition, layer, content, end } of places) {
    const { contentMax = Infinity, name } = definition;
    if (end - content > contentMax && layer.length === undefined && layer.payloadLength === undefined)
      throw new OptionError(
        name,
        `takes ${contentMax} bytes, got ${end - content}; set its length to send more`,
      );
  }
  return u8;
}

type LinkedPlace = { -readonly [Name in keyof Place]: Place[Name] };

/** The bytes of a frame, and where its layers are in it. Lengths that are too large are cut to what can be said. */
export function lay(frame: FrameParts): { readonly u8: Uint8Array; readonly places: readonly Place[] } {
  const places: LinkedPlace[] = [];
  let at = 0;
  let previous: LinkedPlace | undefined;
  for (const { definition, layer } of definitionsOf(frame)) {
    const tail = tailBytes(definition, layer);
    const content = at + definition.length + tail.length;
    const place: LinkedPlace = { layer, definition, at, content, end: 0, tail, previous, next: undefined };
    if (previous !== undefined && definition.length > 0) previous.next = place;
    places.push(place);
    previous = place;
    at = content;
  }
  const padding = places.findLastIndex(({ layer }) => layer.layer !== 'padding') + 1;
  const end = places[padding]?.at ?? at;
  const u8 = new Uint8Array(at);
  for (const place of places) place.end = Math.max(end, place.content);
  for (const place of places) write(u8, place);
  // Sums of outer layers count those of inner ones.
  for (const place of places.toReversed())
    if (place.layer.checksum === undefined) place.definition.checksum?.(u8, place);
  return { u8, places };
}

function write(u8: Uint8Array, place: Place): void {
  const { definition, layer, at, tail, next } = place;
  definition.emit(u8, place);
  u8.set(tail, at + definition.length);
  if (definition.next !== undefined) {
    const { field, space, none } = definition.next;
    const number = next?.definition.number?.[space];
    const value = typeof number === 'function' ? number(next as Place) : number;
    definition.fields[field].write(u8, at, value ?? none, field);
  }
  writeFields(u8, at, definition, layer);
}
