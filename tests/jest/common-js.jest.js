const { Host, MemoryNetwork, VirtualClock } = require('etherconn');

const options = (n) => ({ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`] });

test('a machine answers', async () => {
  const network = new MemoryNetwork();
  const [one] = [
    await Host.create(network.relay(), options(1)),
    await Host.create(network.relay(), options(2)),
  ];
  expect((await one.ping('10.0.0.2')).address).toBe('10.0.0.2');
  await network.close();
});

test('a machine answers after a day, at once', async () => {
  const clock = new VirtualClock({ autoAdvance: true });
  const network = new MemoryNetwork({ clock, impair: { delay: 100 } });
  const one = await Host.create(network.relay(), options(1));
  await Host.create(network.relay(), options(2));
  const day = 86_400_000;
  await clock.advance(day);
  // There and back, and the same for its MAC address.
  expect((await one.ping('10.0.0.2')).rtt).toBe(400);
  expect(clock.now()).toBe(day + 400);
  await network.close();
});

test("jest's own fake timers do not stop the network", async () => {
  jest.useFakeTimers();
  try {
    const network = new MemoryNetwork({ impair: { delay: 1 } });
    const one = await Host.create(network.relay(), options(1));
    await Host.create(network.relay(), options(2));
    expect((await one.ping('10.0.0.2')).address).toBe('10.0.0.2');
    await network.close();
  } finally {
    jest.useRealTimers();
  }
});
