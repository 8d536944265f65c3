import { describe, expect, test } from 'vitest';
import type { Provider } from '#inference/backend';
import { openModel } from '#inference/model';
import { loadPackage } from '#inference/package';
import { shippedPackage } from '../support/model-packages.ts';
import { smallNetwork } from './onnx-writer.ts';

/**
 * What every execution provider must do. `backends.test.ts` runs it over the whole table of `providers.ts`: a new
 * line there is held to it without a new test.
 */
export function describeBackendContract(provider: Provider): void {
  describe(`provider ${provider.name}`, () => {
    const image = Float32Array.from({ length: 16 }, (_, i) => i - 3.5);
    const mean = image.reduce((sum, v) => sum + v, 0) / 8;

    /** The reason why this machine cannot run it: `missing` says so, or opening fails. */
    async function reason(): Promise<string | null> {
      const missing = await provider.missing();
      if (missing !== null) return missing;
      try {
        await (await provider.open(smallNetwork())).close();
        return null;
      } catch (error) {
        // The CPU is always there: its failure is no reason but a fault.
        if (provider.name === 'cpu') throw error;
        return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
      }
    }

    test('has a name and a title, and says why it is missing in words', async () => {
      expect(provider.name).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(provider.title).not.toBe('');
      const missing = await provider.missing();
      if (missing !== null) expect(missing.length).toBeGreaterThan(10);
    });

    test('gives the outputs that are asked for, by name, in float32', async ({ skip }) => {
      const why = await reason();
      if (why !== null) return skip(`${provider.title}: ${why}`);
      const session = await provider.open(smallNetwork());
      const results = await session.run('image', image, [1, 1, 4, 4], ['mean', 'doubled']);
      expect([...results.keys()].sort()).toEqual(['doubled', 'mean']);
      expect(results.get('doubled')).toBeInstanceOf(Float32Array);
      expect([...results.get('doubled')!]).toEqual([...image].map((v) => expect.closeTo(2 * v, 3)));
      expect(results.get('mean')![0]).toBeCloseTo(mean, 3);
      await session.close();
    });

    test('takes a batch where the network leaves it open', async ({ skip }) => {
      const why = await reason();
      if (why !== null) return skip(`${provider.title}: ${why}`);
      const session = await provider.open(smallNetwork());
      const three = Float32Array.from({ length: 48 }, (_, i) => Math.floor(i / 16));
      const results = await session.run('image', three, [3, 1, 4, 4], ['mean']);
      expect([...results.get('mean')!]).toEqual([0, 2, 4].map((v) => expect.closeTo(v, 3)));
      await session.close();
    });

    test('gives the same result again, and results of their own memory', async ({ skip }) => {
      const why = await reason();
      if (why !== null) return skip(`${provider.title}: ${why}`);
      const session = await provider.open(smallNetwork());
      const first = (await session.run('image', image, [1, 1, 4, 4], ['doubled'])).get('doubled')!;
      const kept = [...first];
      const second = (
        await session.run(
          'image',
          image.map((v) => v + 1),
          [1, 1, 4, 4],
          ['doubled'],
        )
      ).get('doubled')!;
      const third = (await session.run('image', image, [1, 1, 4, 4], ['doubled'])).get('doubled')!;
      expect([...first]).toEqual(kept);
      expect([...third]).toEqual(kept);
      expect([...second]).not.toEqual(kept);
      await session.close();
    });

    test('refuses what is no network, another shape and an output that is not there', async ({ skip }) => {
      const why = await reason();
      if (why !== null) return skip(`${provider.title}: ${why}`);
      await expect(provider.open(Uint8Array.from([1, 2, 3]))).rejects.toThrow();
      const session = await provider.open(smallNetwork());
      await expect(session.run('image', image, [1, 1, 2, 8], ['mean'])).rejects.toThrow();
      await expect(session.run('image', image, [1, 1, 4, 4], ['other'])).rejects.toThrow();
      await session.close();
    });

    test('gives the golden outputs of the shipped package', async ({ skip }) => {
      const why = await reason();
      if (why !== null) return skip(`${provider.title}: ${why}`);
      const folder = await shippedPackage();
      if (folder === null) return skip('no package is shipped yet');
      const pkg = await loadPackage(folder);
      const model = await openModel(pkg, { providers: [provider.name], table: [provider] });
      expect(model.identity.provider).toBe(provider.name);
      for (const key of ['logits', 'cam', 'features'] as const) {
        expect(model.parity[key]).toBeLessThanOrEqual(pkg.golden.tolerance[key]);
      }
      await model.close();
    });
  });
}
