import { defineConfig } from 'vitest/config';
import { summaryReporter } from './scripts/ci/summaryReporter.ts';

/** `npm run test:slow`: full sizes, the version matrix, long random runs; one file at a time. */
export default defineConfig({
  test: {
    // The host's crashes are part of the daily tests too, with fewer rounds.
    include: ['test/slow/**/*.test.ts', 'test/host/crash.test.ts'],
    env: { HOST_CRASH_ROUNDS: process.env['HOST_CRASH_ROUNDS'] ?? '40' },
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    pool: 'forks',
    reporters: ['default', summaryReporter()],
  },
});
