/** Offloads that are on, by the names of `ethtool -k`. */
export type Features = ReadonlyMap<string, boolean>;

export function parseFeatures(text: string): Features {
  return new Map(
    Array.from(
      text.matchAll(/^\s*([a-z0-9-]+): (on|off)\b/gm),
      ([, name, state]) => [name, state === 'on'] as const,
    ),
  );
}
