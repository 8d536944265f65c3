import { expect, test } from 'vitest';
import { providerNames, providers } from '#inference/providers';
import { describeBackendContract } from './backend-contract.ts';

test('a GPU is tried before the CPU, and every name stands once', () => {
  expect(providerNames.at(-1)).toBe('cpu');
  expect(new Set(providerNames).size).toBe(providers.length);
});

for (const provider of providers) describeBackendContract(provider);
