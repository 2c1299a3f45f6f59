import { EtherConn, L2Endpoint, MemoryNetwork } from 'etherconn';
import { parseMac } from 'etherconn/wire';

const ETHER_TYPE = 0x88b5;
const FRAME_LENGTH = 60;
/** Milliseconds; enough for a figure that says which machine is slow. */
const DURATION = 50;
const BURST = 64;

/** Packets per second that this process makes, and reads, over a network in memory. */
export async function measureProcessorRate(): Promise<number> {
  const network = new MemoryNetwork();
  try {
    const [from, to] = [parseMac('02:00:00:00:00:01'), parseMac('02:00:00:00:00:02')];
    const sender = network.relay().register([new L2Endpoint(from, ETHER_TYPE).getKey()]);
    const receiver = new EtherConn(to, network.relay(), [ETHER_TYPE]);
    let received = 0;
    receiver.onBatch((batch) => {
      while (batch.next()) received++;
    });
    const frame = new Uint8Array(FRAME_LENGTH);
    frame.set(to, 0);
    frame.set(from, 6);
    frame.set([ETHER_TYPE >> 8, ETHER_TYPE & 0xff], 12);
    const start = performance.now();
    while (performance.now() - start < DURATION) {
      for (let i = 0; i < BURST; i++) sender.trySend(frame);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return Math.round(received / ((performance.now() - start) / 1000));
  } finally {
    await network.close();
  }
}
