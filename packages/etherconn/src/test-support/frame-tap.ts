import { EtherConn } from '../conn/ether-conn.ts';
import type { Relay } from '../relay/relay.ts';

/** Hears what one station sends, where it is sent to all or to who listens here: whole frames as hexadecimal text. */
export class FrameTap {
  #came: string[] = [];

  /** Twelve digits. */
  constructor(relay: Relay, mac: string) {
    const mirror = new EtherConn('02:00:00:00:00:fd', relay, [], { role: 'mirror', receiveMulticast: true });
    mirror.onBatch((batch) => {
      while (batch.next()) {
        const { u8, frameOffset, frameLength } = batch;
        const frame = Buffer.from(u8.subarray(frameOffset, frameOffset + frameLength)).toString('hex');
        if (frame.slice(12, 24) === mac) this.#came.push(frame);
      }
    });
  }

  /** What has come since the last time; only frames with this EtherType (four digits), if one is said. */
  take(etherType?: string): string[] {
    const came = this.#came;
    this.#came = [];
    return etherType === undefined ? came : came.filter((frame) => frame.slice(24, 28) === etherType);
  }
}
