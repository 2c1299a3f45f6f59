import { writeFile } from 'node:fs/promises';
import type { RunResult } from '../metrics/result.ts';
import { checkWritable } from './output-file.ts';
import type { View } from './view.ts';

/** A JUnit XML file: a test case for each threshold, and one for the completion of the run. */
export function junitView(path: string): View {
  return {
    begin: () => checkWritable('--junit', path),
    async end({ result }) {
      await writeFile(path, junitXml(result));
    },
  };
}

export function junitXml(result: RunResult): string {
  const suite = xmlText(`etherconn ${result.command}`);
  const cases = [
    result.interrupted
      ? failing('the run goes to its end', 'interrupted')
      : '    <testcase name="the run goes to its end"/>',
    ...result.thresholds.map(({ text, state, actual }) =>
      state === 'met' ? `    <testcase name="not ${xmlText(text)}"/>` : failing(`not ${text}`, actual),
    ),
  ];
  const failures = cases.filter((each) => each.includes('<failure')).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="${suite}" tests="${cases.length}" failures="${failures}" time="${result.duration.toFixed(3)}" timestamp="${result.started}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function failing(name: string, actual: string): string {
  return `    <testcase name="${xmlText(name)}"><failure message="${xmlText(actual)}"/></testcase>`;
}

function xmlText(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replace(/[&<>"]/g, (character) => entities[character]);
}
