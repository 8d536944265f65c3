import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['fovea-source'] },
  ssr: { resolve: { conditions: ['fovea-source', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/support/count-reporter.ts'],
  },
});
