import { Host, MemoryNetwork, VirtualClock } from 'etherconn';
import { expect, test, vi } from 'vitest';

const options = (n) => ({ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`] });

test('a machine answers after a day, at once', async () => {
  const clock = new VirtualClock({ autoAdvance: true });
  const network = new MemoryNetwork({ clock, impair: { delay: 100 } });
  const one = await Host.create(network.relay(), options(1));
  await Host.create(network.relay(), options(2));
  const day = 86_400_000;
  await clock.advance(day);
  const { rtt } = await one.ping('10.0.0.2');
  // There and back, and the same for its MAC address.
  expect(rtt).toBe(400);
  expect(clock.now()).toBe(day + 400);
  await network.close();
});

test("vitest's own fake timers do not stop the network", async () => {
  vi.useFakeTimers();
  try {
    const network = new MemoryNetwork({ impair: { delay: 1 } });
    const one = await Host.create(network.relay(), options(1));
    await Host.create(network.relay(), options(2));
    expect((await one.ping('10.0.0.2')).address).toBe('10.0.0.2');
    await network.close();
  } finally {
    vi.useRealTimers();
  }
});
