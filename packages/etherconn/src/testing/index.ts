/**
 * For integration tests: network namespaces with veth pairs between them, and the conformance suite that every
 * link must pass.
 */
export * from './namespaces.ts';
