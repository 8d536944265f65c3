import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Provider } from '#inference/backend';
import { openModel } from '#inference/model';
import { loadPackage } from '#inference/package';
import type { ModelPackage } from '#inference/package-types';
import { providers } from '#inference/providers';
import { camNetwork, type SmallPackage, smallPackage, writePackage } from './small-package.ts';

const root = mkdtempSync(path.join(tmpdir(), 'fovea-model-'));
afterAll(() => rmSync(root, { recursive: true }));

let number = 0;
async function load(change: (parts: SmallPackage) => void = () => undefined): Promise<ModelPackage> {
  const parts = smallPackage();
  change(parts);
  number += 1;
  return loadPackage(writePackage(path.join(root, String(number)), parts));
}

const cpu = providers.find((p) => p.name === 'cpu')!;
/** The CPU under another name, with its outputs changed: a device that computes otherwise. */
function bent(name: string, bend: (v: number, output: string) => number): Provider {
  return {
    name,
    title: name,
    missing: async () => null,
    open: async (network) => {
      const session = await cpu.open(network);
      return {
        ...session,
        run: async (...args) => {
          const results = await session.run(...args);
          return new Map(
            [...results].map(([output, values]) => [output, values.map((v) => bend(v, output))]),
          );
        },
      };
    },
  };
}
const absent: Provider = { ...cpu, name: 'absent', missing: async () => 'it is not here' };
const broken: Provider = {
  ...cpu,
  name: 'broken',
  open: async () => Promise.reject(new Error('no device\nmore')),
};

describe('opening a model', () => {
  test('takes the first provider that gives the golden outputs and says what it is', async () => {
    const model = await openModel(await load(), { providers: ['cpu'] });
    expect(model.identity).toEqual({ name: 'small', version: '0.0.1', variant: 'fp32', provider: 'cpu' });
    expect(model.skipped).toEqual([]);
    expect(model.parity.logits).toBeLessThan(1e-5);
    expect(model.parity.cam).toBeLessThan(1e-5);
    await model.close();
  });

  test('tries every provider of the table by default', async () => {
    const model = await openModel(await load());
    expect([...model.skipped.map((s) => s.provider), model.identity.provider]).toEqual(
      providers.map((p) => p.name).slice(0, model.skipped.length + 1),
    );
    await model.close();
  });

  test('goes on to the next when one is missing, fails, is unknown or gives other results, and keeps each reason', async () => {
    const wrong = bent('wrong', (v, output) => (output === 'cam' ? v + 0.02 : v));
    const model = await openModel(await load(), {
      table: [absent, broken, wrong, cpu],
      providers: ['absent', 'broken', 'unknown', 'wrong', 'cpu'],
    });
    expect(model.identity.provider).toBe('cpu');
    expect(model.skipped).toEqual([
      { provider: 'absent', code: 'MODEL_PROVIDER_UNAVAILABLE', detail: 'it is not here' },
      { provider: 'broken', code: 'MODEL_PROVIDER_UNAVAILABLE', detail: 'no device' },
      { provider: 'unknown', code: 'MODEL_PROVIDER_UNAVAILABLE', detail: 'there is no such provider' },
      { provider: 'wrong', code: 'MODEL_PARITY_FAILED', detail: 'cam differ by 0.0200 (allowed 0.01)' },
    ]);
    await model.close();
  });

  test('within the tolerance a provider may differ', async () => {
    const near = bent('near', (v) => v + 0.001);
    const model = await openModel(await load(), { table: [near] });
    expect(model.parity.logits).toBeGreaterThan(0.0005);
    await model.close();
  });

  test.each([
    ['logits beyond the tolerance', (v: number, output: string) => (output === 'logits' ? v + 0.003 : v)],
    ['features beyond the tolerance', (v: number, output: string) => (output === 'features' ? v - 0.02 : v)],
    ['values that are no numbers', () => Number.NaN],
    ['infinite values', () => Number.POSITIVE_INFINITY],
  ])('%s: no provider is left', async (_what, bend) => {
    await expect(openModel(await load(), { table: [bent('bent', bend)] })).rejects.toMatchObject({
      code: 'MODEL_PARITY_FAILED',
    });
  });

  test('none runs it: the reasons are told', async () => {
    await expect(openModel(await load(), { table: [absent, broken] })).rejects.toMatchObject({
      code: 'MODEL_PROVIDER_UNAVAILABLE',
      detail: 'absent: it is not here; broken: no device',
    });
    await expect(openModel(await load(), { providers: [] })).rejects.toMatchObject({
      code: 'MODEL_PROVIDER_UNAVAILABLE',
    });
  });

  test('a network whose weights were changed does not give the golden outputs', async () => {
    const pkg = await load((parts) => {
      parts.network = camNetwork(2.1);
    });
    await expect(openModel(pkg, { providers: ['cpu'] })).rejects.toMatchObject({
      code: 'MODEL_PARITY_FAILED',
    });
  });

  test.each(['mean', 'first'] as const)(
    'a tensor whose %s is not training’s fails before the network is asked',
    async (key) => {
      const pkg = await load((parts) => {
        const { tensor } = parts.golden.cases[1];
        if (key === 'mean') tensor.mean += 0.0011;
        else tensor.first[15] += 0.0011;
      });
      await expect(openModel(pkg, { providers: ['cpu'] })).rejects.toMatchObject({
        code: 'MODEL_PARITY_FAILED',
        detail: expect.stringContaining('The input tensor of generated-1 differs.'),
      });
    },
  );

  test('a network that the runtime cannot run is the provider’s failure', async () => {
    const pkg = await load();
    const cut = {
      ...pkg,
      networks: { fp32: { bytes: pkg.networks['fp32']!.bytes.subarray(0, 40), opset: 17 } },
    };
    await expect(openModel(cut, { providers: ['cpu'] })).rejects.toMatchObject({
      code: 'MODEL_PROVIDER_UNAVAILABLE',
    });
  });

  test('a variant that the package does not have', async () => {
    await expect(openModel(await load(), { variant: 'int8' })).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      detail: 'Asked for: variant int8. The package has: fp32.',
    });
  });
});
