import { expect, test } from 'vitest';
import { providers } from '#inference/providers';
import { describeBackendContract } from './backend-contract.ts';

test('a GPU is tried before the CPU, and every name stands once', () => {
  const names = providers.map(({ name }) => name);
  expect(names.at(-1)).toBe('cpu');
  expect(new Set(names).size).toBe(providers.length);
});

for (const provider of providers) describeBackendContract(provider);
