/**
 * `etherconn/dgram` as it is loaded: `require` gives the same plain object as `import dgram from 'etherconn/dgram'`. It
 * is a file of its own because TypeScript before 5.6 cannot parse its declarations; those versions read index.d.ts.
 */
export * from './index.ts';
export { default, default as 'module.exports' } from './index.ts';
