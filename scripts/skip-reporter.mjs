/** A node:test reporter that says at the end what was skipped and why, so that no skip goes unseen. */
export default async function* skipReporter(source) {
  const skipped = [];
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && typeof data.skip === 'string') {
      skipped.push(`  ${data.name}: ${data.skip}`);
    }
  }
  if (skipped.length > 0) yield `\nSkipped here, with the reason:\n${[...new Set(skipped)].join('\n')}\n`;
}
