import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowPlan } from './flow-plan.ts';
import { parseAddressRange, parseMacRange, parsePortRange, parseVlanRange } from './range.ts';
import { Schedule } from './schedule.ts';

const ranges = {
  from: parseAddressRange('--from', '10.0.0.10+3'),
  fromPort: parsePortRange('--from-port', '1000+2'),
  to: parseAddressRange('--to', '10.0.1.1'),
  toPort: parsePortRange('--to-port', '7000'),
};

test('flows are a function of their number, whoever makes them', () => {
  const plan = new FlowPlan(ranges);
  assert.equal(plan.count, 3);
  assert.deepEqual(plan.flow(2), {
    number: 2,
    mac: '02:ec:0a:00:00:0c',
    vlans: [],
    address: '10.0.0.12',
    port: 1000,
    toAddress: '10.0.1.1',
    toPort: 7000,
    toMac: undefined,
  });
  const whole = new FlowPlan({ ...ranges, vlan: parseVlanRange('--vlan', '100-199') }, 500).flows();
  const part = new FlowPlan({ ...ranges, vlan: parseVlanRange('--vlan', '100-199') }, 100, 350).flows();
  assert.deepEqual(part, whole.slice(350, 450));
  const macs = new FlowPlan({ ...ranges, fromMac: parseMacRange('--from-mac', '02:00:00:00:00:01+7') });
  assert.equal(macs.count, 7);
});

test('both sides are of one IP version', () => {
  assert.throws(() => new FlowPlan({ ...ranges, to: parseAddressRange('--to', 'fd00::1') }), {
    message: /^--to: must be of IPv4 as --from is/,
  });
});

test('a constant rate', () => {
  const schedule = new Schedule({ rate: { value: 1000, unit: 'pps' }, frameSize: 64, duration: 2000 });
  assert.equal(schedule.total, 2000);
  assert.equal(schedule.dueAt(0), 0);
  assert.equal(schedule.dueAt(0.5), 1);
  assert.equal(schedule.dueAt(1), 1);
  assert.equal(schedule.timeOf(1999), 1999);
  const bits = new Schedule({ rate: { value: 1e6, unit: 'bps' }, frameSize: 125, duration: 1000 });
  assert.equal(bits.total, 1000);
});

test('a ramp climbs in a straight line and stays', () => {
  const schedule = new Schedule({
    rate: { value: 1000, unit: 'pps' },
    ramp: 1000,
    rampFrom: 200,
    frameSize: 64,
    duration: 2000,
  });
  assert.equal(schedule.dueAt(1000), 600);
  assert.equal(schedule.total, 1600);
  for (let n = 0; n < schedule.total; n += 7) {
    const time = schedule.timeOf(n);
    assert.ok(schedule.dueAt(time - 0.01) <= n && schedule.dueAt(time + 0.01) >= n + 1, `${n} at ${time}`);
  }
  const even = new Schedule({ rate: { value: 10, unit: 'pps' }, ramp: 1000, rampFrom: 10, frameSize: 64 });
  assert.equal(even.timeOf(5), 500);
});

test('as fast as it goes, and a count', () => {
  const schedule = new Schedule({
    rate: { value: Number.POSITIVE_INFINITY, unit: 'pps' },
    frameSize: 64,
    count: 9,
  });
  assert.equal(schedule.total, 9);
  assert.equal(schedule.dueAt(1), Number.POSITIVE_INFINITY);
  assert.equal(schedule.timeOf(5), 0);
});
