/** pg on a simulated host, against PostgreSQL. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import pg from 'pg';
import { CLIENT, openStage, SERVER, startServer } from './stage.mjs';

/** Debian's place for the programs of the server, which are not in PATH. */
const FOLDER = '/usr/lib/postgresql';

/** The folder of the newest version; an empty text without one. */
function programs() {
  const versions = existsSync(FOLDER) ? readdirSync(FOLDER) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? '' : join(FOLDER, newest, 'bin');
}

const skip = requireNamespaces() || requireCommand('ss') || requireCommand(join(programs(), 'postgres'));

test('pg: queries, transactions, a large value, many connections, a notification', { skip }, async (t) => {
  const stage = await openStage(t);
  const data = join(stage.folder, 'data');
  mkdirSync(data);
  // The server does not run as root.
  const asUser = process.getuid() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];
  if (asUser.length > 0) execFileSync('chown', ['-R', 'postgres', stage.folder]);
  const run = (program, ...args) => [...asUser, join(programs(), program), ...args];
  const [initialize, ...initArgs] = run('initdb', '-D', data, '-A', 'trust', '-U', 'tester', '--no-sync');
  execFileSync(initialize, initArgs, { stdio: 'ignore', cwd: stage.folder });
  const [start, ...startArgs] = run('postgres', '-D', data, '-h', SERVER, '-k', stage.folder, '-F');
  execFileSync('sh', ['-c', `echo 'host all all 10.8.0.0/24 trust' >> ${data}/pg_hba.conf`]);
  const server = await startServer(stage.kernel, 5432, start, ...startArgs);
  t.after(() => server.kill('SIGINT'));

  const options = {
    host: SERVER,
    user: 'tester',
    database: 'postgres',
    stream: () => new stage.host.net.Socket(),
  };
  const pool = new pg.Pool({ ...options, max: 10 });
  await pool.query('CREATE TABLE measured (id int PRIMARY KEY, value bytea)');
  const value = Buffer.alloc(2_000_000, 'etherconn');
  await pool.query('INSERT INTO measured VALUES ($1, $2)', [1, value]);
  const { rows } = await pool.query(
    'SELECT value, inet_client_addr() AS peer FROM measured WHERE id = $1',
    [1],
  );
  assert.ok(rows[0].value.equals(value));
  assert.equal(rows[0].peer, CLIENT);
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => pool.query('INSERT INTO measured VALUES ($1, NULL)', [i + 10])),
  );
  const count = await pool.query('SELECT count(*)::int AS n FROM measured');
  assert.equal(count.rows[0].n, 201);
  await assert.rejects(pool.query('SELECT nothing'), { code: '42703' });
  await pool.end();

  const client = new pg.Client(options);
  await client.connect();
  await client.query('LISTEN news');
  const heard = new Promise((resolve) => client.once('notification', resolve));
  await client.query("NOTIFY news, 'hello'");
  assert.equal((await heard).payload, 'hello');
  await client.end();
  await assert.rejects(new pg.Client({ ...options, port: 5433 }).connect(), { code: 'ECONNREFUSED' });
});
