import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What the figures were measured on. */
export function describeMachine() {
  const { model, speed } = cpus()[0];
  return {
    cpu: model.trim(),
    mhz: speed,
    cores: availableParallelism(),
    virtual: isVirtual(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/^(\d+\.\d+\.\d+).*/, '$1'),
    node: process.version,
    v8: process.versions.v8,
    uv: process.versions.uv,
  };
}

function isVirtual() {
  try {
    return / hypervisor( |$)/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

/**
 * The cores that senders and receivers are pinned to: two of those that we may use, or one for both.
 * @returns {{ a: number, b: number }}
 */
export function chooseCores() {
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const list = allowed.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return { a: list[list.length > 1 ? 1 : 0], b: list[0] };
}
