/** For integration tests: network namespaces with veth pairs between them. */
export * from './namespaces.ts';
