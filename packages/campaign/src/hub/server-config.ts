import { createUser } from '@nats-io/nkeys';
import { NAME_PATTERN } from '../protocol/names.ts';

/** Keys of one who connects: the server knows the public one. */
export interface Keys {
  readonly seed: string;
  readonly publicKey: string;
}

export function makeKeys(): Keys {
  const pair = createUser();
  return { seed: Buffer.from(pair.getSeed()).toString(), publicKey: pair.getPublicKey() };
}

/** Names of the clients that are no agents. Agents cannot have them. */
export const COORDINATOR = 'coordinator';
export const WATCHER = 'watcher';

/** What is wrong with the name of an agent, or null. */
export function agentNameProblem(name: string): string | null {
  if (name === COORDINATOR || name === WATCHER) return `must not be '${name}', which is no agent`;
  return NAME_PATTERN.test(name)
    ? null
    : `must be 1 to 64 letters, digits, hyphens and underscores, got '${name}'`;
}

export interface ServerConfigOptions {
  /** 'host:port'; port -1 for a free one. */
  readonly listen: string;
  readonly storeFolder: string;
  readonly coordinator: string;
  readonly watcher: string;
  /** Public keys by name. */
  readonly agents: Readonly<Record<string, string>>;
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string } | undefined;
  /** Where the server writes which port it has got. */
  readonly portsFolder?: string;
}

interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

type Role = 'coordinator' | 'watcher' | { readonly agent: string };

/**
 * What each role may do. The coordinator alone writes ownership. An agent writes its own record and its own results, and
 * hears nothing but what is for it or for all. It may make no consumer: a consumer delivers to any subject.
 */
export function permissionsOf(role: Role): Permissions {
  const direct = (key: string): string => `$JS.API.DIRECT.GET.*.$KV.*.${key}`;
  if (role === 'coordinator') {
    return {
      publish: ['$KV.>', '$JS.API.>', 'ec.>', ANSWERS],
      subscribe: [`_INBOX.${COORDINATOR}.>`, 'ec.>'],
    };
  }
  if (role === 'watcher') {
    return {
      publish: [direct('current'), direct('run'), direct('status')],
      subscribe: [`_INBOX.${WATCHER}.>`, 'ec.status', 'ec.announce'],
    };
  }
  const { agent } = role;
  return {
    publish: [
      `$KV.*.agents.${agent}`,
      `ec.results.*.${agent}`,
      `ec.clock.${agent}`,
      ...['current', 'run', `agents.${agent}`, `grants.${agent}`].map(direct),
    ],
    subscribe: [
      `_INBOX.${agent}.>`,
      'ec.announce',
      'ec.changed.*.run',
      `ec.changed.*.grants.${agent}`,
      `ec.to.${agent}.>`,
    ],
  };
}

/** Where the server wants answers for other accounts. */
const ANSWERS = '_R_.>';

/** What the coordinator's account offers to others. Each of them takes its own part of it. */
const SERVICES = ['$KV.*.agents.*', 'ec.results.*.*', 'ec.clock.*', '$JS.API.DIRECT.GET.>'];
const STREAMS = ['ec.announce', 'ec.status', 'ec.changed.>', 'ec.to.>'];

/**
 * The configuration of a nats-server for campaigns. Each client has an account of its own: a server checks what one
 * publishes to, but not where one wants the answer. In one account an answer could be written into the store, or pass for
 * a message to another agent; in an account of its own it reaches nobody but who asked.
 */
export function serverConfig(options: ServerConfigOptions): string {
  const { listen, storeFolder, coordinator, watcher, agents, tls, portsFolder } = options;
  const accounts = [
    hubAccount(coordinator),
    accountOf(WATCHER, watcher, permissionsOf('watcher')),
    ...Object.entries(agents).map(([agent, key]) => accountOf(agent, key, permissionsOf({ agent }))),
  ];
  return `# nats-server 2.9 or later: nats-server -c THIS_FILE
listen: "${listen}"
${portsFolder === undefined ? '' : `ports_file_dir: "${portsFolder}"\n`}jetstream { store_dir: "${storeFolder}" }
${tls === undefined ? '' : tlsOf(tls)}accounts {
${accounts.join('\n')}
}
`;
}

function tlsOf({ cert, key, ca }: NonNullable<ServerConfigOptions['tls']>): string {
  const verify = ca === undefined ? '' : `, ca_file: "${ca}", verify: true`;
  return `tls { cert_file: "${cert}", key_file: "${key}"${verify} }\n`;
}

function hubAccount(key: string): string {
  const exports = [...SERVICES.map(quoted('service')), ...STREAMS.map(quoted('stream'))];
  return `  # ${COORDINATOR}
  "${COORDINATOR}": {
    jetstream: enabled
    users: [${userOf(key, permissionsOf('coordinator'))}]
    exports: [
${exports.map((each) => `      { ${each} }`).join('\n')}
    ]
  }`;
}

function accountOf(name: string, key: string, permissions: Permissions): string {
  const imports = [
    ...permissions.publish.map((subject) => ['service', subject]),
    ...permissions.subscribe
      .filter((subject) => !subject.startsWith('_INBOX.'))
      .map((subject) => ['stream', subject]),
  ];
  const lines = imports.map(
    ([kind, subject]) => `      { ${kind}: { account: "${COORDINATOR}", subject: "${subject}" } }`,
  );
  return `  # ${name}
  "${name}": {
    users: [${userOf(key, permissions)}]
    imports: [
${lines.join('\n')}
    ]
  }`;
}

const quoted =
  (kind: string): ((subject: string) => string) =>
  (subject) =>
    `${kind}: "${subject}"`;

function userOf(key: string, { publish, subscribe }: Permissions): string {
  const list = (subjects: readonly string[]): string => subjects.map((each) => `"${each}"`).join(', ');
  return `{ nkey: ${key}, permissions: {
      publish: { allow: [${list(publish)}] }
      subscribe: { allow: [${list(subscribe)}] }
    } }`;
}
