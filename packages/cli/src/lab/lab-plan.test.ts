import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interfacesIn, namespacesOf, parseCable, parseLabName, planCables } from './lab-plan.ts';

const cables = (lab: string, links: readonly string[], ipv6 = false) =>
  planCables(
    lab,
    links.map((link) => parseCable('--link', link)),
    ipv6,
  );

test('cables get interfaces and addresses in turn', () => {
  const [first, second] = cables('lab', ['a,b', 'b,c'], true);
  assert.deepEqual(first.ends, [
    { namespace: 'lab-a', interface: 'eth0', addresses: ['10.0.0.1/24', 'fd00::1/64'] },
    { namespace: 'lab-b', interface: 'eth0', addresses: ['10.0.0.2/24', 'fd00::2/64'] },
  ]);
  assert.deepEqual(second.ends, [
    { namespace: 'lab-b', interface: 'eth1', addresses: ['10.0.1.1/24', 'fd00:1::1/64'] },
    { namespace: 'lab-c', interface: 'eth0', addresses: ['10.0.1.2/24', 'fd00:1::2/64'] },
  ]);
});

test('addresses that are asked for are the only ones', () => {
  const [{ ends }] = cables('x', ['a=192.0.2.1/30+2001:db8::1/64,b']);
  assert.deepEqual(
    ends.map(({ addresses }) => addresses),
    [['192.0.2.1/30', '2001:db8::1/64'], []],
  );
});

test('the namespaces and interfaces of a plan', () => {
  const plan = { name: 'x', cables: cables('x', ['a,b', 'a,b']), mtu: 1500, queues: 1, seed: 1 };
  assert.deepEqual(namespacesOf(plan), ['x-a', 'x-b']);
  assert.deepEqual(namespacesOf({ ...plan, impair: { loss: 0.5 } }), ['x-wire', 'x-a', 'x-b']);
  assert.deepEqual(interfacesIn(plan, 'x-a'), ['eth0', 'eth1']);
  assert.deepEqual(interfacesIn(plan, 'x-wire'), ['left0', 'right0', 'left1', 'right1']);
});

for (const [text, message] of [
  ['a', /two nodes/],
  ['a,b,c', /two nodes/],
  ['a,a', /two different nodes/],
  ['a,wire', /not 'wire'/],
  ['a,../b', /letters, digits/],
  ['a=10.0.0.1,b', /10\.0\.0\.1\/24/],
  ['a=10.0.0.1/33,b', /10\.0\.0\.1\/24/],
  ['a=fd00::1/129,b', /fd00::1\/64/],
  ['a=x/24,b', /got 'x\/24'/],
] as const) {
  test(`no cable: ${text}`, () => {
    assert.throws(() => parseCable('--link', text), message);
  });
}

test('names that could leave the folder of states are none', () => {
  for (const name of ['', '..', 'a/b', 'a b', '-a', 'a'.repeat(33)])
    assert.throws(() => parseLabName('lab', name), /letters, digits/);
});
