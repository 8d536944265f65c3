import { expect, test } from 'vitest';
import { chosenProviders, providers } from '#inference/providers';
import { describeBackendContract } from './backend-contract.ts';

test('a GPU is tried before the CPU, and every name stands once', () => {
  const names = providers.map(({ name }) => name);
  expect(names.at(-1)).toBe('cpu');
  expect(new Set(names).size).toBe(providers.length);
});

test('a configuration chooses among them, in its own order; without one all are tried', () => {
  expect(chosenProviders(null)).toEqual(providers.map(({ name }) => name));
  expect(chosenProviders(['cpu', 'cuda'])).toEqual(['cpu', 'cuda']);
  expect(() => chosenProviders(['cpu', 'tpu'])).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('tpu is none of cuda, webgpu, cpu'),
    }),
  );
});

for (const provider of providers) describeBackendContract(provider);
