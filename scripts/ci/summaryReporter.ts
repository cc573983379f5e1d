import type { Reporter } from 'vitest/node';

/**
 * The last line of a test run, alone on its line, for programs that read the output:
 * `12 passed, 0 failed` or `12 passed, 0 failed, 3 skipped`.
 */
export function summaryReporter(): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
      for (const module of modules) {
        // A file that could not be loaded has no tests and still failed.
        if (module.errors().length > 0) count.failed += 1;
        for (const test of module.children.allTests()) {
          const { state } = test.result();
          if (state === 'passed') count.passed += 1;
          if (state === 'failed') count.failed += 1;
          if (state === 'skipped') count.skipped += 1;
        }
        for (const suite of module.children.allSuites()) {
          if (suite.errors().length > 0) count.failed += 1;
        }
      }
      const skipped = count.skipped === 0 ? '' : `, ${count.skipped} skipped`;
      // The other reporters' output comes first.
      process.once('exit', () => {
        process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
      });
    },
  };
}
