import { linkConformance } from '../../test-support/link-conformance.ts';
import { makePair } from '../../test-support/memory-pair.ts';

const module = new URL('../../test-support/memory-pair.js', import.meta.url).href;

linkConformance('memory', () => makePair(), { quietWire: true, module, unreferenced: true });
linkConformance('memory with five slots', () => makePair({}, { txSlots: 5 }), {
  quietWire: true,
  frames: 1000,
});
linkConformance('memory with one slot', () => makePair({}, { txSlots: 1 }), { quietWire: true, frames: 500 });
linkConformance('memory with the largest MTU', () => makePair({}, { mtu: 65535, txSlots: 20 }), {
  quietWire: true,
  frames: 1000,
});
linkConformance('memory in virtual time', () => makePair({ time: 'virtual' }), {
  quietWire: true,
  frames: 1000,
});
