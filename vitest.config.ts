import { defineConfig } from 'vitest/config';
import { summaryReporter } from './scripts/ci/summaryReporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**', 'node_modules/**', 'dist/**'],
    // Real servers on two cores: files share the machine, so few run at once.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    reporters: ['default', summaryReporter()],
  },
});
