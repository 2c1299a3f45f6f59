import { ScenarioError } from '../scenario/scenario-error.ts';

/** Where `--metrics` serves. */
export interface MetricsAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** ':9464', '9464' or '127.0.0.1:9464'; without a host, only this machine can connect. Port 0 is any. */
export function parseMetricsAddress(option: string, text: string): MetricsAddress {
  const match = /^(?:(\[[^\]]+\]|[^:]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    throw new ScenarioError(
      option,
      `must be a port like :9464 or an address like 127.0.0.1:9464, got '${text}'`,
    );
  const host = match[1]?.replace(/^\[|\]$/g, '');
  return { host: host === undefined || host === '' ? '127.0.0.1' : host, port };
}
