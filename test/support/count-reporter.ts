import type { Reporter, TestModule } from 'vitest/node';

/** Prints `N passed, N failed, N skipped` alone on the last line, for a reader that knows no test runner. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    let brokenModules = 0;
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
        tests += 1;
      }
      if (tests === 0 && module.state() === 'failed') brokenModules += 1;
    }
    const failed = count.failed + brokenModules + unhandledErrors.length;
    process.stdout.write(
      `\n${count.passed} passed, ${failed} failed, ${count.skipped + count.pending} skipped\n`,
    );
  }
}
