/**
 * `etherconn/net` as it is loaded: `require` gives the same plain object as `import net from 'etherconn/net'`. It is a
 * file of its own because TypeScript before 5.6 cannot parse its declarations; those versions read index.d.ts.
 */
export * from './index.ts';
export { default, default as 'module.exports' } from './index.ts';
