import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The tests that mutants are held against (`npm run mutate`): those of the folders that are mutated, which need no server and no build. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/{auth,cds,statistics}/**/*.test.ts'],
    reporters: ['default'],
  },
});
