const { Host, MemoryNetwork } = require('etherconn');

test('a machine answers', async () => {
  const network = new MemoryNetwork();
  const options = (n) => ({ mac: `02:00:00:00:00:0${n}`, addresses: [`10.0.0.${n}/24`] });
  const [one] = [
    await Host.create(network.relay(), options(1)),
    await Host.create(network.relay(), options(2)),
  ];
  expect((await one.ping('10.0.0.2')).address).toBe('10.0.0.2');
  await network.close();
});
