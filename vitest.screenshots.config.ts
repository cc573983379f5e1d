import { defineConfig } from 'vitest/config';

/** `npm run screenshots`: pictures of every page, for people to look at. */
export default defineConfig({
  test: {
    include: ['test/web/screenshots.ts'],
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});
