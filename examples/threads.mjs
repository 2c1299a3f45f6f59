// One UDP echo service on several threads. Each has a queue of the interface, and all share one XDP program:
//   sudo node examples/threads.mjs eth0 10.0.0.80 4
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { EtherConn, RUDPConn, XDPRelay } from 'etherconn';

if (isMainThread) {
  const [interfaceName, address, threads] = process.argv.slice(2);
  const relay = await XDPRelay.open(interfaceName, { queues: [0] });
  await serve(relay, address);
  for (let queue = 1; queue < Number(threads); queue++) {
    new Worker(new URL(import.meta.url), {
      workerData: { interfaceName, address, queue, program: relay.program },
    });
  }
} else {
  const { interfaceName, address, queue, program } = workerData;
  await serve(await XDPRelay.open(interfaceName, { queues: [queue], attach: false, program }), address);
}

/** The same endpoint in each thread: the interface decides by its hash which queue, and so which thread, gets a frame. */
async function serve(relay, address) {
  const conn = new RUDPConn({ address, port: 7 }, new EtherConn('02:00:00:00:00:80', relay));
  conn.onBatch((batch) => {
    while (batch.next()) batch.reply(batch.copyPayload());
  });
  console.log(`served by ${relay}`);
}
