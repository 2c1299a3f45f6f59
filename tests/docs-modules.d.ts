/** Packages that blocks of code on pages of docs/ import and that this repository does not install. */
declare module 'vitest' {
  export const expect: (value: unknown) => { toBe(expected: unknown): void };
  export const test: (name: string, run: () => Promise<void>) => void;
}

declare module '@jest/globals' {
  export * from 'vitest';
}
