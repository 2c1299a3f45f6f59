import { channel } from 'node:diagnostics_channel';
import type { PacketRelay } from './packet-relay.ts';
import type { RelayRegistration } from './registration.ts';
import type { ReplacedKey } from './registry.ts';
import type { Logger } from './relay-options.ts';

const opened = channel('etherconn:relay:open');
const closed = channel('etherconn:relay:close');
const replacedKey = channel('etherconn:registration:replaced');

/** Tells the logger and the diagnostics channels of a relay's life. What they call is code of users. */
export class Announcements {
  readonly #relay: PacketRelay;
  readonly #logger: Logger | undefined;

  constructor(relay: PacketRelay, logger: Logger | undefined) {
    this.#relay = relay;
    this.#logger = logger;
  }

  opened(kind: string): void {
    if (opened.hasSubscribers) opened.publish({ relay: this.#relay });
    this.#logger?.info({ interface: this.#relay.interfaceName(), kind }, 'relay open');
  }

  state(up: boolean): void {
    this.#logger?.info(
      { interface: this.#relay.interfaceName(), up },
      up ? 'interface up' : 'interface down',
    );
  }

  failed(error: Error): void {
    this.#logger?.error({ interface: this.#relay.interfaceName(), err: error }, 'relay failed');
  }

  refused(error: Error, frames: number): void {
    this.#logger?.warn(
      { interface: this.#relay.interfaceName(), err: error, frames },
      'frames refused by the interface',
    );
  }

  closed(cause: Error | undefined): void {
    if (closed.hasSubscribers) closed.publish({ relay: this.#relay, error: cause });
    this.#logger?.info({ interface: this.#relay.interfaceName() }, 'relay closed');
  }

  /** Keys that `registration` has taken over: their old owners are told, too. */
  replaced(registration: RelayRegistration, keys: readonly ReplacedKey[]): void {
    for (const { key, old } of keys) {
      (old.owner ?? old.receiver)?.keyReplaced(key);
      this.#logger?.warn({ key: key.toString() }, 'registered key overridden');
      if (replacedKey.hasSubscribers)
        replacedKey.publish({ relay: this.#relay, key, oldId: old.id, newId: registration.id });
    }
  }
}
