/**
 * What Node runs a replicator with, in its image too (Dockerfile). Changes of a stream live until the
 * target has taken them: with V8's 16 MiB most of them would be copied within the heap once or twice
 * meanwhile, for a tenth of the process's time. It takes 35 MB more.
 */
export const REPLICATOR_FLAGS: readonly string[] = ['--max-semi-space-size=32'];
