import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shiftPrevalence, type WithInterval } from '#statistics/prevalence';
import { openDatabase } from '#store/database';
import { migrate } from '#store/migrate';
import { createQueue } from '#store/queue';
import { runCli } from '../support/fovea-process.ts';
import { assessSchema, evaluateSchema, inspectSchema } from '../support/output-schemas.ts';
import { request as jobRequest } from '../support/store.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const pictures = path.join(root, 'sandbox', 'data');
const model = 'chest-xray-pneumonia-paediatric';

describe('the fovea command', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('--help names every command and the exit codes, and exits 0', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const name of [
      'serve',
      'worker',
      'sandbox',
      'assess',
      'inspect',
      'evaluate',
      'models',
      'feedback',
      'keys',
      'doctor',
      'Exit codes',
    ]) {
      expect(stdout).toContain(name);
    }
  });

  it.each([[['bogus']], [['assess']], [['evaluate']]])(
    '%j is not understood: exit 2, said on standard error',
    async (args) => {
      const { code, stdout, stderr } = await runCli(args);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toContain('error:');
    },
  );

  it('assess goes on past files that cannot be assessed: each is an entry with a coded reason', async () => {
    const files = path.join(folder, 'files');
    mkdirSync(files);
    const named = [path.join(files, 'a.txt'), path.join(files, 'b.dcm')] as const;
    writeFileSync(named[0], 'not DICOM');
    writeFileSync(named[1], '');
    const { code, stdout } = await runCli(['assess', ...named, pictures, '--json']);
    expect(code).toBe(0);
    const entries = JSON.parse(stdout) as {
      path: string;
      status: string;
      reason: { code: string } | null;
      findings: { probability: number }[];
    }[];
    expect([...Value.Errors(assessSchema, entries)]).toEqual([]);
    expect(
      entries
        .filter(({ path: file }) => file.startsWith(files))
        .map(({ status, reason }) => [status, reason?.code]),
    ).toEqual([
      ['failed', 'DICOM_NOT_DICOM'],
      ['failed', 'DICOM_NOT_DICOM'],
    ]);
    const states = new Set(entries.map(({ status }) => status));
    expect(states).toEqual(new Set(['final', 'abstained', 'failed']));
    for (const { status, findings } of entries) expect(findings.length > 0).toBe(status === 'final');
  });

  it('assess names the share that a number holds for, and moves it to another as a card does', async () => {
    const file = path.join(pictures, 'elevated', '1.dcm');
    interface Told {
      readonly findings: readonly [WithInterval & { readonly prevalence: number }];
    }
    const assessed = async (...options: string[]) => {
      const { stdout } = await runCli(['assess', file, '--json', ...options]);
      return (JSON.parse(stdout) as [Told])[0].findings[0];
    };
    const calibrated = await assessed();
    const { findings } = JSON.parse(
      readFileSync(path.join(root, 'models', model, '1.0.0', 'calibration.json'), 'utf8'),
    ) as { findings: Record<string, { prevalence: number }> };
    expect(calibrated.prevalence).toBe(findings['pneumonia']?.prevalence);
    expect(await assessed('--prevalence', '0.2')).toEqual({
      ...calibrated,
      ...shiftPrevalence(calibrated, calibrated.prevalence, 0.2),
      prevalence: 0.2,
    });
    const { stdout } = await runCli(['assess', file, '--prevalence', '0.2']);
    expect(stdout).toMatch(/pneumonia 88\u00a0% .* where 20 of 100 have it, elevated/);
  });

  it.each(['0', '1', '20 %', ''])('assess --prevalence %j is no share: exit 2', async (share) => {
    const { code, stderr } = await runCli(['assess', pictures, '--prevalence', share]);
    expect(code).toBe(2);
    expect(stderr).toContain('between 0 and 1');
  });

  it('assess skips the files of a folder that are not DICOM and counts them on standard error: exit 0', async () => {
    const mixed = path.join(folder, 'mixed');
    cpSync(path.join(pictures, 'elevated', '1.dcm'), path.join(mixed, '1.dcm'));
    writeFileSync(path.join(mixed, 'a.txt'), 'not DICOM');
    const one = await runCli(['assess', mixed, '--json']);
    expect(one.code).toBe(0);
    expect(JSON.parse(one.stdout)).toEqual([expect.objectContaining({ path: path.join(mixed, '1.dcm') })]);
    expect(one.stderr).toContain('1 file that is not DICOM skipped\n');
    writeFileSync(path.join(mixed, 'b.txt'), 'not DICOM');
    rmSync(path.join(mixed, '1.dcm'));
    const none = await runCli(['assess', mixed]);
    expect(none.code).toBe(0);
    expect(none.stdout).not.toContain('DICOM_NOT_DICOM');
    expect(none.stderr).toContain('2 files that are not DICOM skipped\n');
    writeFileSync(path.join(mixed, 'damaged.DCM'), 'damaged');
    const damaged = await runCli(['assess', mixed]);
    expect(damaged.stdout).toContain('DICOM_NOT_DICOM');
    expect(damaged.stderr).toContain('2 files that are not DICOM skipped\n');
  });

  it('assess says what to do about a path that is not there: exit 1', async () => {
    const { code, stderr } = await runCli(['assess', path.join(folder, 'nowhere')]);
    expect(code).toBe(1);
    expect(stderr).toContain('FILE_UNREADABLE');
  });

  it('assess refuses a model that is not there', async () => {
    const { code, stderr } = await runCli(['assess', pictures, '--model', 'nothing@1.0.0']);
    expect(code).toBe(1);
    expect(stderr).toContain('MODEL_NOT_FOUND');
    expect(stderr).toMatch(
      /Asked for: nothing@1\.0\.0\. Installed: .*chest-xray-pneumonia-paediatric@1\.0\.0/,
    );
  });

  it('inspect says how files decode and which package would take them', async () => {
    const { code, stdout } = await runCli(['inspect', pictures, '--json']);
    expect(code).toBe(0);
    const entries = JSON.parse(stdout) as { path: string; status: string; models: { taken: boolean }[] }[];
    expect([...Value.Errors(inspectSchema, entries)]).toEqual([]);
    const dicom = entries.filter((entry) => entry.path.endsWith('.dcm'));
    expect(dicom.length).toBeGreaterThan(10);
    expect(dicom.filter((entry) => entry.status === 'decoded').length).toBe(dicom.length - 1);
    expect(dicom.some((entry) => entry.models.some(({ taken }) => taken))).toBe(true);
    expect(dicom.some((entry) => entry.models.some(({ taken }) => !taken))).toBe(true);
  });

  it('evaluate judges labelled pictures, writes predictions, and counts an unknown label as unlabelled', async () => {
    const files = readdirSync(pictures, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.dcm'),
    );
    const rows = files.map(
      (file, index) => `${file},${['normal', 'pneumonia', 'something else'][index % 3]},p${index},3,F,AP`,
    );
    const manifest = path.join(folder, 'manifest.csv');
    writeFileSync(
      manifest,
      ['file,label,patient_id,age,sex,view', ...rows, 'missing.dcm,normal,p99,3,F,AP'].join('\n'),
    );
    const predictions = path.join(folder, 'predictions.csv');
    const { code, stdout, stderr } = await runCli([
      'evaluate',
      '--model',
      model,
      '--manifest',
      manifest,
      '--images',
      pictures,
      '--predictions',
      predictions,
      '--resamples',
      '50',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(stderr).not.toContain('warning');
    const evaluation = JSON.parse(stdout) as {
      notes: string[];
      n: number;
      abstained: { code: string; n: number }[];
      findings: { unlabelled: number }[];
    };
    expect([...Value.Errors(evaluateSchema, evaluation)]).toEqual([]);
    expect(evaluation.notes).toEqual([]);
    expect(evaluation.n).toBe(files.length + 1);
    expect(evaluation.findings[0]?.unlabelled).toBe(files.filter((_, index) => index % 3 === 2).length);
    expect(evaluation.abstained).toContainEqual({ code: 'FILE_UNREADABLE', n: 1 });
    const lines = readFileSync(predictions, 'utf8').trim().split('\n');
    expect(lines[0]).toBe('file,finding,status,reason,probability,low,high,ood');
    expect(lines.length).toBe(files.length + 2);
  });

  it.each([
    ['file,label\n{elevated},pneumonia\n{low},normal', 2],
    ['file,label,patient_id\n{elevated},pneumonia,p1\n{low},normal,', 1],
  ])('evaluate warns that images of %j count as patients of their own: %i', async (csv, unnamed) => {
    const manifest = path.join(folder, 'unnamed.csv');
    writeFileSync(manifest, csv.replace(/\{(\w+)\}/g, '$1/1.dcm'));
    const given = ['--model', model, '--manifest', manifest, '--images', pictures, '--resamples', '5'];
    const { stdout, stderr } = await runCli(['evaluate', ...given, '--json']);
    const { notes } = JSON.parse(stdout) as { notes: string[] };
    expect(notes).toEqual([expect.stringContaining(`${unnamed} of 2 rows have no patient_id`)]);
    expect(stderr).toContain(`warning: ${notes[0]}`);
  });

  it('models verify holds every package and its golden outputs on this machine; a changed byte is refused: exit 1', async () => {
    const good = await runCli(['models', 'verify', '--json']);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toContainEqual(
      expect.objectContaining({ holds: true, provider: expect.any(String) }),
    );

    const shipped = path.join(root, 'models', model);
    const version = readdirSync(shipped)[0] as string;
    const copy = path.join(folder, 'data', 'models', `${model}`, '9.9.9');
    mkdirSync(copy, { recursive: true });
    for (const name of readdirSync(path.join(shipped, version))) {
      const bytes = readFileSync(path.join(shipped, version, name));
      if (name === 'manifest.json')
        writeFileSync(path.join(copy, name), bytes.toString('utf8').replace(`"${version}"`, '"9.9.9"'));
      else
        writeFileSync(
          path.join(copy, name),
          name === 'card.md' ? Buffer.concat([bytes, Buffer.from(' ')]) : bytes,
        );
    }
    const bad = await runCli(['models', 'verify', `${model}@9.9.9`, '--json'], {
      FOVEA_DATA: path.join(folder, 'data'),
    });
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toEqual([
      expect.objectContaining({
        holds: false,
        reason: expect.objectContaining({ code: 'MODEL_DIGEST_MISMATCH' }),
      }),
    ]);
  });

  it('doctor names machine, providers, database and models', async () => {
    const { code, stdout } = await runCli(['doctor', '--json'], { FOVEA_DATA: path.join(folder, 'doctor') });
    expect(code).toBe(0);
    const { findings, settings } = JSON.parse(stdout) as {
      findings: { what: string; state: string }[];
      settings: { name: string }[];
    };
    expect(findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['machine', 'provider cpu', 'configuration', 'database']),
    );
    expect(settings.map(({ name }) => name)).toContain('FOVEA_CONFIG');
  });

  it.each([
    ['a port that is no number', { PORT: 'http' }, 'PORT'],
    ['a configuration file that is not there', { FOVEA_CONFIG: 'nowhere.json' }, 'FOVEA_CONFIG'],
    ['no tenant', {}, 'tenant'],
  ])('serve with %s ends with CONFIG_INVALID and names the setting', async (_name, environment, named) => {
    const { code, stderr } = await runCli(['serve'], {
      FOVEA_DATA: path.join(folder, 'serve'),
      ...environment,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('CONFIG_INVALID');
    expect(stderr).toContain(named);
  });

  it.each([
    ['nowhere.json', null, 'ENOENT'],
    ['broken.json', '{ "tenants": [', 'JSON'],
    [
      'wrong.json',
      '{ "deployments": [{ "model": "a", "version": 1, "state": "active" }] }',
      '/deployments/0/version:',
    ],
  ])(
    'a wrong FOVEA_CONFIG, %s, is told with its name and what is wrong in it',
    async (name, content, wrong) => {
      const file = path.join(folder, name);
      if (content !== null) writeFileSync(file, content);
      const { code, stderr } = await runCli(['models', 'list'], { FOVEA_CONFIG: file });
      expect(code).toBe(1);
      expect(stderr).toContain('CONFIG_INVALID');
      expect(stderr).toContain(`The file: ${file}`);
      expect(stderr).toContain(wrong);
      const doctor = await runCli(['doctor'], { FOVEA_CONFIG: file });
      expect(doctor.stdout).toContain(`The file: ${file}`);
    },
  );

  it.each(['0.0.0.0', '::', '10.1.2.3', 'fovea.example'])(
    'serve on %s without FOVEA_PUBLIC_URL, whose every token would be refused, ends with CONFIG_INVALID and names it',
    async (host) => {
      const { code, stderr } = await runCli(['serve'], {
        FOVEA_DATA: path.join(folder, 'serve'),
        FOVEA_CONFIG: path.join(root, 'examples', 'config.json'),
        HOST: host,
      });
      expect(code).toBe(1);
      expect(stderr).toContain('CONFIG_INVALID');
      expect(stderr).toContain('Set FOVEA_PUBLIC_URL');
    },
  );

  it('doctor says that tokens would be refused where nobody knows the public address: exit 1', async () => {
    const more = {
      FOVEA_DATA: path.join(folder, 'doctor'),
      FOVEA_CONFIG: path.join(root, 'examples', 'config.json'),
      HOST: '0.0.0.0',
    };
    const { code, stdout } = await runCli(['doctor'], more);
    expect(code).toBe(1);
    expect(stdout).toMatch(/public address +problem +HOST is not loopback/);
    const named = await runCli(['doctor'], { ...more, FOVEA_PUBLIC_URL: 'https://fovea.example' });
    expect(named.stdout).not.toContain('public address');
  });

  it('doctor looks and changes nothing: no folder is made, no schema brought up to date; it names keys and queue', async () => {
    const data = path.join(folder, 'looked-at');
    const environment = { FOVEA_DATA: data, FOVEA_CONFIG: path.join(root, 'examples', 'config.json') };
    const first = await runCli(['doctor'], environment);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/database +note +embedded in \S+looked-at: none yet/);
    expect(first.stdout).toMatch(/pseudonym key +note .*is not there yet/);
    expect(first.stdout).toMatch(
      /keys of childrens-hospital +note +https:\/\/ehr\.example\.org: https:\/\/ehr\.example\.org\/\.well-known\/jwks\.json, not contacted/,
    );
    expect(first.stdout).toMatch(
      /tenant childrens-hospital +note +1 FHIR and 1 imaging servers, not contacted/,
    );
    expect(existsSync(data)).toBe(false);

    const database = await openDatabase({ folder: path.join(data, 'database') });
    await migrate(database);
    await sql`delete from schema_migrations where number = 2`.execute(database.kysely);
    await createQueue(database).enqueue(jobRequest(1));
    await database.close();
    for (let look = 0; look < 2; look += 1) {
      const { stdout } = await runCli(['doctor'], environment);
      expect(stdout).toMatch(/database +note +embedded in .*: PostgreSQL [^,]+, schema 1 step behind/);
      expect(stdout).toMatch(/queue +ok +1 queued, 0 running, 0 waiting, 0 needs-credential, 0 dead/);
    }
  });

  it('worker without DATABASE_URL says what it needs', async () => {
    const { code, stderr } = await runCli(['worker'], { FOVEA_DATA: path.join(folder, 'worker') });
    expect(code).toBe(1);
    expect(stderr).toContain('DATABASE_URL');
  });
});
