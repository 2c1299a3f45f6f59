/** Starts a process in a namespace, which ends with this one, however that ends. */
export function spawnWithUs(namespace, ...command) {
  return namespace.spawn('setpriv', '--pdeathsig', 'KILL', ...command);
}
