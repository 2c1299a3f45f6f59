import type { Relay } from '../relay/relay.ts';

/** Told that the link has come back. */
export interface LinkWatcher {
  linkUp(): void;
}

const watchers = new WeakMap<Relay, Set<LinkWatcher>>();

/** Tells a host when its relay's link comes back. All hosts of a relay share one listener there. */
export function watchLink(relay: Relay, watcher: LinkWatcher): void {
  let all = watchers.get(relay);
  if (all === undefined) {
    const set = new Set<LinkWatcher>();
    watchers.set(relay, set);
    relay.on('up', () => {
      for (const one of [...set]) one.linkUp();
    });
    all = set;
  }
  all.add(watcher);
}

export function unwatchLink(relay: Relay, watcher: LinkWatcher): void {
  watchers.get(relay)?.delete(watcher);
}
