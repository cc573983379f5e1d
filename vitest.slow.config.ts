import { defineConfig } from 'vitest/config';
import { summaryReporter } from './scripts/ci/summaryReporter.ts';

/** `npm run test:slow`: full sizes, the version matrix, long random runs; one file at a time. */
export default defineConfig({
  test: {
    include: ['test/slow/**/*.test.ts'],
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    pool: 'forks',
    reporters: ['default', summaryReporter()],
  },
});
