/** The suites that an implementation of one of our contracts must pass; to be called from a file of tests (node:test). */
export { type BackendUnderTest, describeBackend } from './storage/conformance.ts';
