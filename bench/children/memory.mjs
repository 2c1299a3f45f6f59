/** Says how much memory a process of Node has that has imported { module }, or nothing. */
import { residentMemory } from '../lib/memory.mjs';
import { answer, readArguments } from './timing.mjs';

const { module } = readArguments();
if (module !== undefined) await import(module);
answer(residentMemory());
