import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assessFiles } from '#assessment/assess-files';
import { idOf } from '#assessment/catalogue';
import { assessManifest, predictionLines } from '#assessment/evaluate';
import { inspectFiles } from '#assessment/inspect-files';
import { inParallel, listFiles } from '#assessment/local-files';
import type { LabelledRow } from '#assessment/manifest-csv';
import { createPool, type Pool } from '#assessment/pool';
import { warmModels } from '#assessment/warm-models';
import type { LogFields } from '#core/log';
import { loadPackage } from '#inference/package';
import type { ModelPackage } from '#inference/package-types';
import type { SandboxCase } from '#sandbox/case-file';
import { caseFiles, sandboxCases } from '../support/hospital.ts';
import { shippedPackage } from '../support/model-packages.ts';

const one = (id: string) => sandboxCases().find((found) => found.id === id) as SandboxCase;
const good = caseFiles(one('low'))[0] as Uint8Array;
const request = (model: string, bytes: Uint8Array = good) => ({
  model,
  bytes: Uint8Array.from(bytes),
  patient: null,
  studyInstanceUid: null,
  labelled: null,
});

let pkg: ModelPackage;
let model: string;
let folders: Readonly<Record<string, string>>;
let pool: Pool;
let folder: string;
beforeAll(async () => {
  pkg = await loadPackage((await shippedPackage()) as string);
  model = idOf(pkg);
  folders = { [model]: pkg.folder, 'gone@1.0.0': path.join(pkg.folder, 'gone') };
  pool = createPool({ folders, providers: ['cpu'], size: 2, timeoutMs: 30_000 });
  folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-pool-'));
});
afterAll(async () => {
  await pool?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('worker threads', () => {
  it('open a model in every thread and say what it runs on', async () => {
    expect(await pool.warm(model)).toEqual({ provider: 'cpu', variant: expect.any(String), skipped: [] });
  });

  it('give their failures as codes, and go on', async () => {
    await expect(pool.assess(request('unknown@1.0.0'))).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(pool.warm('gone@1.0.0')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(pool.assess(request(model, Buffer.from('hello')))).rejects.toMatchObject({
      code: 'DICOM_NOT_DICOM',
    });
    expect((await pool.assess(request(model))).assessment.status).toBe('final');
  });

  it('take the bytes with them: nothing is left of the caller’s array', async () => {
    const { bytes, ...rest } = request(model);
    await pool.assess({ ...rest, bytes });
    expect(bytes.length).toBe(0);
  });

  it('a view into a shared buffer is copied: the rest of that buffer stays', async () => {
    const shared = Buffer.concat([Buffer.from('before'), good]);
    await pool.assess({ ...request(model), bytes: shared.subarray(6) });
    expect(shared.subarray(0, 6).toString()).toBe('before');
  });

  it('the same image gives the same result in either thread', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => pool.assess(request(model))));
    const told = new Set(results.map(({ assessment }) => JSON.stringify(assessment.findings)));
    expect(told.size).toBe(1);
  });

  it('a task beyond its time is WORKER_TIMEOUT; a task that its caller ends ends at once; both leave the pool whole', async () => {
    const quick = createPool({ folders, providers: ['cpu'], size: 1, timeoutMs: 1 });
    try {
      // Opening a model takes longer than a millisecond.
      await expect(quick.warm(model)).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
      await expect(quick.warm(model)).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
    } finally {
      await quick.close();
    }
    const ended = pool.assess({ ...request(model), signal: AbortSignal.abort() });
    await expect(ended).rejects.toMatchObject({ code: 'WORKER_DIED' });
    expect((await pool.assess(request(model))).assessment.status).toBe('final');
  });

  it('a task that is ended in the middle costs itself alone: the process stays, the next one has its result', async () => {
    const single = createPool({ folders, providers: ['cpu'], size: 1, timeoutMs: 30_000 });
    try {
      // While the thread loads, opens the model (native code, which is waited for), decodes, infers.
      for (const milliseconds of [5, 60, 120, 180, 240, 20, 40]) {
        const signal = AbortSignal.timeout(milliseconds);
        const cut = single.assess({ ...request(model), signal }).then(
          ({ assessment }) => assessment.status,
          (error: { code: string }) => error.code,
        );
        const waiting = single.assess(request(model));
        expect(['WORKER_DIED', 'final']).toContain(await cut);
        expect((await waiting).assessment.status).toBe('final');
      }
    } finally {
      await single.close();
    }
  });

  it('closing ends what is under way with a code', async () => {
    const short = createPool({ folders, providers: ['cpu'], size: 1, timeoutMs: 30_000 });
    const running = short.warm(model).catch((error: unknown) => error);
    const waiting = short.warm(model).catch((error: unknown) => error);
    await short.close();
    expect(await running).toMatchObject({ code: 'WORKER_DIED' });
    expect(await waiting).toMatchObject({ code: 'WORKER_DIED' });
  });
});

describe('models that are opened while hooks are answered', () => {
  const logged: LogFields[] = [];
  const log = {
    info: (fields: LogFields) => logged.push(fields),
    warn: (fields: LogFields) => logged.push(fields),
    error: (fields: LogFields) => logged.push(fields),
  };
  const named = (version: string): ModelPackage => ({
    ...pkg,
    manifest: { ...pkg.manifest, version, name: version === '1.0.0' ? 'gone' : pkg.manifest.name },
  });

  it('are warming, then ready or refused with a code; one that fails keeps none of the others', async () => {
    const models = [{ package: pkg }, { package: named('1.0.0') }];
    const warm = warmModels(models, pool, log, () => false);
    expect(warm.stateOf(model).state).toBe('warming');
    await warm.done;
    expect(warm.stateOf(model)).toEqual({ model, state: 'ready' });
    expect(warm.stateOf('gone@1.0.0')).toEqual({
      model: 'gone@1.0.0',
      state: 'refused',
      code: 'MODEL_NOT_FOUND',
    });
    expect(logged.map(({ event }) => event).sort()).toEqual(['model-ready', 'model-refused']);
  });

  it('are elsewhere where this process runs no jobs', async () => {
    const warm = warmModels([{ package: pkg }], null, log, () => false);
    await warm.done;
    expect(warm.stateOf(model).state).toBe('elsewhere');
  });

  it('are not called refused because the process stops', async () => {
    logged.length = 0;
    const warm = warmModels([{ package: named('1.0.0') }], pool, log, () => true);
    await warm.done;
    expect([warm.stateOf('gone@1.0.0').state, logged]).toEqual(['warming', []]);
  });
});

describe('files of a folder', () => {
  const write = (name: string, bytes: Uint8Array) => {
    const file = path.join(folder, name);
    writeFileSync(file, bytes);
    return file;
  };

  it('are assessed in their order; each that cannot be is an entry with its code, and the others go on', async () => {
    const files = [
      write('a.dcm', caseFiles(one('adult'))[0] as Uint8Array),
      write('b.dcm', good.subarray(0, 2000)),
      path.join(folder, 'missing.dcm'),
      write('c.dcm', good),
    ];
    const done: number[] = [];
    const entries = await assessFiles(pool, [model], files, (count) => done.push(count));
    expect(
      entries.map(({ path: file, status, reason }) => [path.basename(file), status, reason?.code]),
    ).toEqual([
      ['a.dcm', 'abstained', 'GATE_AGE'],
      ['b.dcm', 'failed', 'DICOM_TRUNCATED'],
      ['missing.dcm', 'failed', 'FILE_UNREADABLE'],
      ['c.dcm', 'final', undefined],
    ]);
    expect(entries[3]).toMatchObject({ study: '2026-11-19', model: { provider: 'cpu' } });
    expect(Object.keys(entries[3]?.findings[0] ?? {})).not.toContain('logits');
    expect(done).toEqual([1, 2, 3, 4]);
  });

  it('of several models the one whose gates a file comes through furthest is told; without any: NO_MODEL', async () => {
    const file = write('d.dcm', good);
    const [entry] = await assessFiles(pool, ['gone@1.0.0', model], [file], () => undefined);
    expect(entry?.status).toBe('final');
    const [none] = await assessFiles(pool, [], [file], () => undefined);
    expect([none?.status, none?.reason?.code]).toEqual(['failed', 'NO_MODEL']);
  });

  it('are inspected with what each package’s gates say; one that is no DICOM is refused and taken by none', async () => {
    const files = [write('e.dcm', good), write('f.txt', Buffer.from('hello')), path.join(folder, 'missing')];
    const entries = await inspectFiles(pool, [pkg], files, () => undefined);
    expect(entries.map(({ status, reason, models }) => [status, reason?.code, models])).toEqual([
      ['decoded', undefined, [{ model, taken: true, gate: null }]],
      ['refused', 'DICOM_NOT_DICOM', []],
      ['refused', 'FILE_UNREADABLE', []],
    ]);
  });

  it('with labels give one prediction line an image and finding, the number left out where the model did not speak', async () => {
    const row: Omit<LabelledRow, 'file'> = {
      labels: [],
      patientId: 'p',
      age: null,
      sex: null,
      view: null,
      split: null,
    };
    write('g, "h".dcm', good);
    const results = await assessManifest(
      pool,
      model,
      [
        { ...row, file: 'g, "h".dcm' },
        { ...row, file: 'missing.dcm' },
      ],
      folder,
      () => undefined,
    );
    const [head, spoken, failed] = predictionLines(pkg, results);
    expect(head).toBe('file,finding,status,reason,probability,low,high,ood');
    expect(spoken).toMatch(/^"g, ""h""\.dcm",pneumonia,final,,0\.\d{6},0\.\d{6},[01]\.\d{6},\d+\.\d{4}$/);
    expect(failed).toBe('missing.dcm,pneumonia,failed,FILE_UNREADABLE,,,,');
  });

  it('are walked in natural order, hidden ones and DICOMDIR left out unless named', async () => {
    const root = mkdtempSync(path.join(folder, 'walk-'));
    for (const name of ['10.dcm', '2.dcm', '.hidden', 'DICOMDIR']) writeFileSync(path.join(root, name), '');
    expect((await listFiles([root])).map((file) => path.basename(file))).toEqual(['2.dcm', '10.dcm']);
    expect(await listFiles([path.join(root, '.hidden')])).toHaveLength(1);
    await expect(listFiles([path.join(root, 'nowhere')])).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('are worked on so many at a time, and their results keep the order', async () => {
    let running = 0;
    let most = 0;
    const results = await inParallel([30, 1, 20, 2], 2, async (milliseconds, index) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      running -= 1;
      return index;
    });
    expect([results, most]).toEqual([[0, 1, 2, 3], 2]);
  });
});
