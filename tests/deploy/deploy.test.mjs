/** The files of deploy/: as far as they can be checked without machines, a cluster and an hour of time. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand } from 'etherconn/testing';
import { parseAllDocuments } from 'yaml';

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'etherconn-deploy-'));
after(() => rmSync(folder, { recursive: true }));

const manifests = parseAllDocuments(readFileSync(`${deploy}kubernetes/agents.yaml`, 'utf8')).map(
  (document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  },
);

/** What systemd says of the unit; with the replaced text of it. */
function verify(from = '', to = '') {
  const unit = join(folder, 'etherconn-agent@agent-0.service');
  const text = readFileSync(`${deploy}systemd/etherconn-agent@.service`, 'utf8');
  assert.ok(text.includes(from));
  writeFileSync(unit, text.replace(from, to));
  return spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
}

test('systemd accepts the unit, and would not accept others', {
  skip: requireCommand('systemd-analyze'),
}, () => {
  const { status, stderr } = verify();
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(verify('/usr/bin/env', '/usr/bin/missing').stderr, /missing is not executable/);
  assert.match(verify('RestartSec', 'RestartSecond').stderr, /RestartSecond/);
});

/** Errors of TypeScript for the manifests as constants of the types that Kubernetes' schemas give. */
function typeErrors(documents) {
  const source = documents
    .filter(({ kind }) => kind !== 'NetworkAttachmentDefinition')
    .map((document, i) => {
      const module = document.apiVersion === 'v1' ? 'v1' : document.apiVersion;
      return `export const manifest${i}: import('kubernetes-models/${module}').I${document.kind} = ${JSON.stringify(document, null, 1)};`;
    })
    .join('\n');
  const file = join(here, `manifests-${process.pid}.ts`);
  writeFileSync(file, source);
  try {
    const compiler = join(here, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext'];
    return spawnSync(process.execPath, [compiler, ...options, file], { cwd: here, encoding: 'utf8' }).stdout;
  } finally {
    rmSync(file);
  }
}

test("the manifests are of Kubernetes' schemas; a misspelt or missing key would be found", () => {
  assert.equal(typeErrors(manifests), '');
  const job = manifests.find(({ kind }) => kind === 'Job');
  const wrong = structuredClone(job);
  wrong.spec.template.spec.containers[0].volumeMount = [];
  wrong.spec.completions = '4';
  const errors = typeErrors([wrong]);
  assert.match(errors, /volumeMount/);
  assert.match(errors, /number/);
});

test('what the manifests say of each other fits together', () => {
  const [config, network, job] = manifests;
  const { pools } = JSON.parse(config.data['config.json']);
  const { name } = pools[0];
  const pod = job.spec.template;
  const [container] = pod.spec.containers;
  assert.equal(network.metadata.annotations['k8s.v1.cni.cncf.io/resourceName'], `afxdp/${name}`);
  assert.equal(JSON.parse(network.spec.config).type, 'afxdp');
  assert.equal(pod.metadata.annotations['k8s.v1.cni.cncf.io/networks'], network.metadata.name);
  for (const resources of [container.resources.requests, container.resources.limits])
    assert.equal(resources[`afxdp/${name}`], '1');
  assert.ok(container.command[2].includes(`$AFXDP_DEVICES_${name.toUpperCase()}`));
  assert.deepEqual(container.securityContext.capabilities.add, ['NET_RAW', 'NET_ADMIN', 'BPF']);
  for (const { name, mountPath } of container.volumeMounts) {
    assert.ok(pod.spec.volumes.some((volume) => volume.name === name));
    assert.ok(container.command[2].includes(mountPath));
  }
});

test('the commands are ones that etherconn knows', () => {
  const cli = fileURLToPath(new URL('../../packages/cli/bin/etherconn.js', import.meta.url));
  const { stdout } = spawnSync(process.execPath, [cli, 'agent', '--help'], { encoding: 'utf8' });
  const texts = ['systemd/etherconn-agent@.service', 'ssh/start-agents.sh', 'kubernetes/agents.yaml'];
  for (const file of texts) {
    const text = readFileSync(deploy + file, 'utf8');
    const command = /etherconn agent .*?--state/s.exec(text.slice(text.lastIndexOf('etherconn agent')))[0];
    for (const [option] of command.matchAll(/--[a-z-]+/g))
      assert.ok(stdout.includes(option), `${file}: ${option}`);
  }
});

test('the script starts an agent on each machine, with the key of each, and tells which failed', () => {
  const keys = join(folder, 'keys');
  const bin = join(folder, 'bin');
  for (const path of [keys, bin]) mkdirSync(path);
  for (const name of ['box1.nk', 'box2.nk', 'ca.pem']) writeFileSync(join(keys, name), name);
  // In place of ssh: notes the command and what came in; box2 fails.
  const ssh = join(bin, 'ssh');
  writeFileSync(
    ssh,
    `#!/bin/sh\necho "$2" > ${folder}/$1.command; tar tf - > ${folder}/$1.files; [ "$1" != root@box2 ]\n`,
  );
  chmodSync(ssh, 0o755);
  const script = `${deploy}ssh/start-agents.sh`;
  const run = (...machines) =>
    spawnSync('sh', [script, 'tls://hub:4222', keys, 'eth1', ...machines], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    });
  const both = run('box1', 'box2');
  assert.deepEqual([both.status, both.stdout, both.stderr], [1, 'box1: started\n', 'box2: failed\n']);
  assert.equal(readFileSync(join(folder, 'root@box1.files'), 'utf8'), 'box1.nk\nca.pem\n');
  const command = readFileSync(join(folder, 'root@box1.command'), 'utf8');
  assert.match(command, /etherconn agent 'eth1' --name 'box1'/);
  assert.match(command, /--nats 'tls:\/\/hub:4222' --creds '\/etc\/etherconn\/box1.nk'/);
  assert.equal(spawnSync('sh', ['-n'], { input: command }).status, 0);
  assert.equal(run('box1').status, 0);
  assert.match(run('box1', 'box3').stderr, /no key .*box3\.nk/);
  assert.equal(run().status, 2);
});
