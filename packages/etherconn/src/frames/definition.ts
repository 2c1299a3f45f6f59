import { checkKnown } from '../options.ts';
import type { Field } from './field.ts';

/**
 * What a kind of layer is, as data. One mechanism (build.ts, parse.ts, show.ts, answer.ts) works on all definitions, so
 * a new layer is a definition, a type, and a line in layers.ts.
 */

/** A layer as the mechanism sees it. */
export type Fields = Readonly<Record<string, unknown>> & { readonly layer: string };

/** What follows the fixed part of a header and belongs to it: options, lists. */
export interface Tail {
  /** Of the field that has it. */
  readonly name: string;
  /** Offset where it ends, at most `end`, in the header at `at`. */
  end(u8: Uint8Array, at: number, end: number): number;
  /** Its value; undefined when the bytes cannot be one. Default: the bytes themselves. */
  read?(u8: Uint8Array, start: number, end: number): unknown;
  /** Its bytes. Throws an OptionError in the name of `name`. */
  write(value: unknown, name: string, layer: Fields): Uint8Array;
  /** Name of a field that has the bytes when writing the value would not give the same ones. */
  readonly exact?: string;
}

/** A layer at its place in a frame that is being built. */
export interface Place {
  readonly layer: Fields;
  readonly definition: Definition;
  /** Offset of the header. */
  readonly at: number;
  /** Offset behind the header. */
  readonly content: number;
  /** Offset behind what the layer holds: padding does not count. */
  readonly end: number;
  readonly tail: Uint8Array;
  readonly previous: Place | undefined;
  /** Undefined also where only payload follows. */
  readonly next: Place | undefined;
}

/** Numbers by which a header says what follows it. */
export type Space = 'etherType' | 'ipProtocol';

export interface Definition {
  readonly name: string;
  /** Bytes of the fixed part. */
  readonly length: number;
  /** In the order of their places; they cover every bit that a header may have set. */
  readonly fields: Readonly<Record<string, Field>>;
  /** Fields of the layer that are not in its header. */
  readonly others?: readonly string[];
  readonly tail?: Tail;
  /** The number by which the header before names it. */
  readonly number?: Readonly<Partial<Record<Space, number | ((place: Place) => number)>>>;
  /** The numbers that it may be named by, where it is a choice. */
  readonly numbers?: readonly number[];
  /** The IP version that it only occurs over. */
  readonly over?: 4 | 6;
  /** The field that names what follows, and its value where only payload does. */
  readonly next?: { readonly field: string; readonly space: Space; readonly none: number };
  /** The most bytes that a length field can speak for, behind the header. */
  readonly contentMax?: number;
  /** Writes the header with all defaults; fields that the layer has are put over them. */
  emit(u8: Uint8Array, place: Place): void;
  /** Fills the checksum, when all that is behind the header has been written. */
  checksum?(u8: Uint8Array, place: Place): void;
  /** Whether the bytes are such a layer, as far as length and fields do not tell. */
  matches?(u8: Uint8Array, at: number, end: number): boolean;
  /** Names of the layers that may follow, the first that fits; default: by the `next` field. */
  behind?(u8: Uint8Array, at: number, end: number): readonly string[] | undefined;
  /** Offset behind what the header says that it holds; what the frame has behind that is padding. */
  contentEnd?(u8: Uint8Array, at: number, content: number): number;
  /** Fields that the number by which it was named gives. */
  named?(number: number): Readonly<Record<string, unknown>>;
  /** The layer that it answers; default: its own kind, `null` for none. */
  readonly answers?: string | null;
  /** Whether it answers a layer of that name, both of them complete; default: it does. */
  isAnswerTo?(answer: Fields, request: Fields): boolean;
  /** The fields in which the answer to a complete layer is another one; default: none. */
  reply?(request: Fields, content: number): Readonly<Record<string, unknown>>;
}

/** What the functions that make layers take: the layer's fields. */
export type FieldsOf<L> = { readonly [Name in keyof L as Exclude<Name, 'layer'>]?: L[Name] | undefined };

/** Makes a layer. Throws an OptionError for a field that it does not have; values are checked by `build`. */
export type LayerFunction<L> = (fields?: FieldsOf<L>) => L;

export function layerFunction<L extends { readonly layer: string }>(
  definition: Definition,
): LayerFunction<L> {
  const known = fieldNames(definition);
  return (fields = {}) => {
    checkKnown(fields, known);
    return { layer: definition.name, ...fields } as unknown as L;
  };
}

/** Names of all fields of a layer. */
export function fieldNames(definition: Definition): string[] {
  const { fields, others = [], tail } = definition;
  const names = [...Object.keys(fields), ...others];
  if (tail !== undefined) names.push(tail.name);
  if (tail?.exact !== undefined) names.push(tail.exact);
  return names;
}

/** The bytes behind the fixed part of a layer's header. */
export function tailBytes(definition: Definition, layer: Fields): Uint8Array {
  const { name, tail } = definition;
  if (tail === undefined) return new Uint8Array(0);
  const exact = tail.exact === undefined ? undefined : layer[tail.exact];
  return exact instanceof Uint8Array ? exact : tail.write(layer[tail.name], `${name}.${tail.name}`, layer);
}

/** Writes the fields that the layer has into the header at `at`. */
export function writeFields(u8: Uint8Array, at: number, definition: Definition, layer: Fields): void {
  for (const [name, field] of Object.entries(definition.fields)) {
    const value = layer[name];
    if (value !== undefined) field.write(u8, at, value, `${definition.name}.${name}`);
  }
}
