import { type Document, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { Scenario } from '../scenario/scenario.ts';
import { ScenarioError, ScenarioErrors } from '../scenario/scenario-error.ts';
import { checkScenario } from './check.ts';
import { keyOffset } from './key-offset.ts';

/** A scenario from a file, with the positions of its keys. */
export interface ScenarioFile {
  readonly scenario: Scenario;
  /** Adds the line of the file to an error that is found after reading. */
  locate(error: ScenarioError): ScenarioError;
}

/**
 * Reads a scenario's YAML (or JSON). Each of `sets` is KEY=VALUE, like 'parts.voice.rate=5kpps', and overrides the file.
 * Throws ScenarioErrors that name file, line, column and key.
 */
export function parseScenarioFile(file: string, text: string, sets: readonly string[] = []): ScenarioFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0)
    throw new ScenarioErrors(
      document.errors.map(({ pos, message }) => new ScenarioError(at(pos[0]), message)),
    );
  if (document.contents === null)
    throw new ScenarioError(`${file}:1:1`, 'is empty; etherconn init writes an example');
  const root = document.contents as Node;
  const setPaths = sets.map((set) => applySet(document, set));
  keepDigits(document);
  const locate = (error: ScenarioError): ScenarioError => {
    if (error instanceof ScenarioErrors) {
      const inOrder = error.errors.map((each) => ({ each, at: keyOffset(root, each.option.split('.')) }));
      inOrder.sort((a, b) => a.at - b.at);
      return new ScenarioErrors(inOrder.map(({ each }) => locate(each)));
    }
    const set = setPaths.find((path) => error.option === path || error.option.startsWith(`${path}.`));
    const offset = keyOffset(root, error.option.split('.'));
    return new ScenarioError(set === undefined ? at(offset) : `--set ${set}`, error.message);
  };
  try {
    return { scenario: checkScenario(document.toJS({ maxAliasCount: 1000 })), locate };
  } catch (error) {
    throw error instanceof ScenarioError ? locate(error) : error;
  }
}

/** Puts KEY=VALUE into a document; returns the key. */
function applySet(document: Document, set: string): string {
  const [, key, value] = /^([^=\s]+)=(.*)$/s.exec(set) ?? [];
  if (key === undefined)
    throw new ScenarioError('--set', `must be KEY=VALUE, like parts.voice.rate=5kpps, got '${set}'`);
  const parsed = parseDocument(value, { prettyErrors: false });
  if (parsed.errors.length > 0) throw new ScenarioError(`--set ${key}`, parsed.errors[0].message);
  const path = key.split('.').map((each) => (/^\d+$/.test(each) ? Number(each) : each));
  try {
    document.setIn(path, parsed.contents);
  } catch {
    throw new ScenarioError(`--set ${key}`, 'leads through a value that is neither a map nor a list');
  }
  return key;
}

/** Numbers with a point are VLAN stacks and times here: 100.200 is not 100.2. */
function keepDigits(document: Document): void {
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'number' && !Number.isInteger(node.value) && node.source !== undefined)
        node.value = node.source;
    },
  });
}
