import { OptionError } from '../errors.ts';
import { checkKnown, checkObject, requireArray, show } from '../options.ts';
import type { Definition, Fields, FieldsOf } from './definition.ts';
import { definitionOf, type Layer, type LayerName, type LayerOf, namesIn } from './layers.ts';
import { payload } from './payload-layers.ts';

/**
 * A frame, the outermost layer first: plain data, which spreads, compares and goes through `structuredClone`. It may
 * begin with any layer.
 */
export type Frame = readonly Layer[];

/** What `build` takes: bytes and text stand for payload. */
export type FrameParts = readonly (Layer | Uint8Array | string)[];

/** The definitions of a frame's layers. Throws an OptionError for what is no frame. */
export function definitionsOf(
  parts: FrameParts,
): { readonly definition: Definition; readonly layer: Fields }[] {
  requireArray('frame', parts);
  return Array.from(parts as unknown[], (part, index) => {
    const isPayload = typeof part === 'string' || part instanceof Uint8Array;
    const layer = (isPayload ? payload(part) : part) as Fields;
    checkObject(layer, `frame[${index}]`);
    const definition = definitionOf(layer.layer);
    if (definition === undefined)
      throw new OptionError(`frame[${index}].layer`, `is not a layer known here, got ${show(layer.layer)}`);
    checkKnown(layer, namesIn(definition.name));
    return { definition, layer };
  });
}

/** The first layer of a name, or the one at `index` among those; undefined when there is none. */
export function find<Name extends LayerName>(
  frame: FrameParts,
  name: Name,
  index = 0,
): LayerOf<Name> | undefined {
  checkName(name);
  const layers = definitionsOf(frame).map(({ layer }) => layer as unknown as Layer);
  return layers.filter((layer): layer is LayerOf<Name> => layer.layer === name)[index];
}

/**
 * The frame with other fields in the first layer of a name; `undefined` takes a field away, so that it is filled or has
 * its default. Throws an OptionError when there is no such layer.
 */
export function replace<Name extends LayerName>(
  frame: FrameParts,
  name: Name,
  fields: FieldsOf<LayerOf<Name>>,
): Frame {
  const layers = definitionsOf(frame).map(({ layer }) => layer);
  checkName(name);
  checkObject(fields, 'fields');
  const index = layers.findIndex(({ layer }) => layer === name);
  if (index < 0) throw new OptionError('name', `the frame has no layer ${show(name)}`);
  const changed = withoutUndefined({ ...layers[index], ...fields });
  return definitionsOf(layers.with(index, changed) as unknown as Frame).map(
    ({ layer }) => layer as unknown as Layer,
  );
}

/** A field that is undefined is one that is not there. */
export function withoutUndefined(layer: Readonly<Record<string, unknown>>): Fields {
  return Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined)) as Fields;
}

function checkName(name: string): void {
  if (definitionOf(name) === undefined)
    throw new OptionError('name', `must be the name of a layer, got ${show(name)}`);
}
