const { BUNDLE_FILE: filename, BUNDLE_EXTERNAL: external } = process.env;
const module = filename.endsWith('.mjs');

export default {
  target: 'node20',
  mode: 'production',
  entry: './memory.js',
  experiments: { outputModule: module },
  externals: external ? { etherconn: module ? 'module etherconn' : 'commonjs etherconn' } : [],
  output: { path: import.meta.dirname ?? process.cwd(), filename, module },
};
