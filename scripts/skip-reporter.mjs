/** A node:test reporter that says at the end what was skipped and why, so that no skip goes unseen. */
export default async function* skipReporter(source) {
  /** How often each was. */
  const skipped = new Map();
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && typeof data.skip === 'string') {
      const line = `  ${data.name}: ${data.skip}`;
      skipped.set(line, (skipped.get(line) ?? 0) + 1);
    }
  }
  if (skipped.size === 0) return;
  const lines = [...skipped].map(([line, times]) => (times === 1 ? line : `${line} (${times} times)`));
  yield `\nSkipped here, with the reason:\n${lines.join('\n')}\n`;
}
