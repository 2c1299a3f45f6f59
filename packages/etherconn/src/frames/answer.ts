import type { Definition, Fields } from './definition.ts';
import { definitionsOf, type Frame, type FrameParts, withoutUndefined } from './frame.ts';
import { definitionOf } from './layers.ts';
import { complete } from './parse.ts';

/** Which frame answers which. */

/**
 * Whether a frame answers another: addresses and ports back, the same VLANs, and what the protocol has for it (ARP
 * operation, ICMP identifier and number, DHCP transaction, the target of neighbor discovery). An ICMP error answers the
 * packet that it quotes.
 */
export function isAnswerTo(answer: FrameParts, request: FrameParts): boolean {
  const answers = headersOf(answer);
  const requests = headersOf(request);
  const error = answers.findIndex((_, index) => isError(answers, index));
  if (error >= 0) return isErrorAbout(answers, error, requests);
  return requests.length > 0 && requests.every((asked, index) => isLayerAnswer(answers[index], asked));
}

/**
 * The skeleton of an answer: addresses and ports the other way, an echo reply to an echo request, with its payload, an ARP
 * reply to an ARP request, SYN and ACK to a SYN. What only the answerer knows is left out, such as its own MAC address:
 * `replace` puts it in.
 */
export function reply(request: FrameParts): Frame {
  const layers = definitionsOf(complete(request));
  const isEcho = layers.some(({ layer }) => layer.layer === 'icmpv4' || layer.layer === 'icmpv6');
  return layers.flatMap(({ definition, layer }, index) => {
    if (definition.length === 0 && !(isEcho && layer.layer === 'payload')) return [];
    const content = layers
      .slice(index + 1)
      .reduce(
        (sum, { layer }) => sum + (layer.layer === 'payload' ? (layer.bytes as Uint8Array).length : 0),
        0,
      );
    const kept = Object.entries(layer).filter(([name]) => !definition.fields[name]?.filled);
    return [withoutUndefined({ ...Object.fromEntries(kept), ...definition.reply?.(layer, content) })];
  }) as unknown as Frame;
}

/** Extension headers may be others on the way back. */
const PASSED_OVER: ReadonlySet<string> = new Set(['hopByHop', 'routing', 'fragment', 'destinationOptions']);

function headersOf(frame: FrameParts): Fields[] {
  return definitionsOf(complete(frame))
    .filter(({ definition }) => definition.length > 0 && !PASSED_OVER.has(definition.name))
    .map(({ layer }) => layer);
}

function isIp({ layer }: Fields): boolean {
  return layer === 'ipv4' || layer === 'ipv6';
}

/** Whether an IP header, of the packet that it is about, is behind an ICMP header. */
function isError(layers: readonly Fields[], index: number): boolean {
  const name = layers[index].layer;
  return (
    (name === 'icmpv4' || name === 'icmpv6') && layers[index + 1] !== undefined && isIp(layers[index + 1])
  );
}

function isLayerAnswer(answer: Fields | undefined, asked: Fields): boolean {
  if (answer === undefined) return false;
  const { answers = answer.layer, isAnswerTo } = definitionOf(answer.layer) as Definition;
  return answers === asked.layer && isAnswerTo?.(answer, asked) !== false;
}

/** An error may come from anybody on the way. It is about the packet behind its header. */
function isErrorAbout(answers: readonly Fields[], error: number, requests: readonly Fields[]): boolean {
  const ip = requests.findIndex(isIp);
  if (ip < 0 || !requests.slice(0, ip).every((asked, index) => isLayerAnswer(answers[index], asked)))
    return false;
  const [quoted, transport] = answers.slice(error + 1);
  const [asked, askedTransport] = requests.slice(ip);
  if (answers[ip].destination !== asked.source) return false;
  if (!areEqual(quoted, asked, ['layer', 'source', 'destination'])) return false;
  if (transport === undefined || askedTransport === undefined) return true;
  return areEqual(transport, askedTransport, ['layer', 'sourcePort', 'destinationPort', 'id', 'sequence']);
}

function areEqual(a: Fields, b: Fields, names: readonly string[]): boolean {
  return names.every((name) => a[name] === b[name]);
}
