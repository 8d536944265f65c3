import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, type Fovea } from '#compose';
import { readConfig } from '#config';
import type { Readiness } from '#server/routes/health';
import { imagingStudy } from './support/clinic.ts';
import { type Fault, type FaultServer, silence, startFaultServer } from './support/fault-server.ts';
import {
  caseFiles,
  type Hospital,
  reasonOf,
  sandboxCases,
  startHospital,
  stateOf,
} from './support/hospital.ts';
import { shippedPackage } from './support/model-packages.ts';
import { wadoFiles } from './support/wado.ts';

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-compose-'));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const environment = (folder: string, more: Readonly<Record<string, string>> = {}) => ({
  FOVEA_DATA: folder,
  FOVEA_LOG_LEVEL: 'silent',
  FOVEA_WORKERS: '1',
  PORT: '0',
  ...more,
});

describe('a configuration with which Fovea cannot start names what is wrong, and leaves nothing open', () => {
  // One folder for all: each start finds it as the refused one before it left it.
  let folder: string;
  beforeAll(() => {
    folder = newFolder();
  });
  const start = async (more: Readonly<Record<string, string>>) => {
    const fovea = await compose(readConfig(environment(folder, more)));
    try {
      await fovea.listen();
    } finally {
      await fovea.stop();
    }
  };
  const text = (content: string) => {
    const file = path.join(newFolder(), 'file');
    writeFileSync(file, content);
    return file;
  };

  it.each<[string, () => Readonly<Record<string, string>>]>([
    ['FOVEA_WORKERS', () => ({ FOVEA_WORKERS: '0' })],
    ['FOVEA_EXTRA_CA', () => ({ FOVEA_EXTRA_CA: text('no certificate') })],
    ['FOVEA_PSEUDONYM_KEY_FILE', () => ({ FOVEA_PSEUDONYM_KEY_FILE: text('short') })],
    ['FOVEA_DATA', () => ({ FOVEA_DATA: text('a file') })],
    [
      'chest@9.9.9',
      () => ({
        FOVEA_CONFIG: text('{"deployments":[{"model":"chest","version":"9.9.9","state":"active"}]}'),
      }),
    ],
  ])('%s', async (name, more) => {
    await expect(start(more())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining(name),
    });
    expect(existsSync(path.join(folder, 'database', 'fovea.lock'))).toBe(false);
  });

  it('PORT that somebody else listens on', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    try {
      await expect(start({ PORT: String(port) })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        detail: expect.stringMatching(/HOST and PORT/),
      });
    } finally {
      taken.close();
    }
  });

  it('a sandbox without its tenant', async () => {
    await expect(compose(readConfig(environment(folder)), { sandbox: true })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('Fovea as it is put together, between a hospital’s FHIR server and its PACS', () => {
  const budget = 1_000;
  const cases = sandboxCases().filter(({ endpoint, studies }) => endpoint === 'normal' && studies.length > 0);
  const one = (id: string) => cases.find((found) => found.id === id) as (typeof cases)[number];
  const faults: Record<string, Fault> = {};
  let folder: string;
  let pacs: FaultServer;
  let hospital: Hospital;
  let fovea: Fovea;
  let base: string;
  /** What the first call was answered, and the state of the models then. */
  let first: Awaited<ReturnType<Hospital['openChart']>>;
  let atFirst: Readiness;

  const readyz = async () => (await (await fetch(`${base}/readyz`)).json()) as Readiness;
  const call = (patient: string, more: Readonly<Record<string, unknown>> = {}) =>
    hospital.openChart(base, patient, more);

  /** A package that loads and then gives other results than its golden file says. */
  async function addOddPackage(): Promise<void> {
    const shipped = (await shippedPackage()) as string;
    const name = 'chest-odd';
    const copy = path.join(folder, 'models', name, path.basename(shipped));
    mkdirSync(path.dirname(copy), { recursive: true });
    cpSync(shipped, copy, { recursive: true });
    const file = (named: string) => path.join(copy, named);
    const manifest = JSON.parse(readFileSync(file('manifest.json'), 'utf8')) as {
      files: Record<string, { file: string; sha256: string }>;
    };
    const golden = JSON.parse(readFileSync(file('golden.json'), 'utf8')) as { cases: { logits: number[] }[] };
    for (const { logits } of golden.cases) logits[0] = (logits[0] as number) + 1;
    writeFileSync(file('golden.json'), JSON.stringify(golden));
    const sha256 = createHash('sha256')
      .update(readFileSync(file('golden.json')))
      .digest('hex');
    const files = { ...manifest.files, golden: { file: 'golden.json', sha256 } };
    writeFileSync(file('manifest.json'), JSON.stringify({ ...manifest, name, files }));
  }

  async function start(): Promise<void> {
    const config = path.join(folder, 'config.json');
    const loopback = ['127.0.0.0/8'];
    hospital.writeConfig(config, `${pacs.origin}/wado`, {
      fhirServers: [hospital.fhirServer, `${pacs.origin}/fhir`].map((server) => ({
        base: server,
        addresses: loopback,
      })),
    });
    fovea = await compose(
      readConfig(
        environment(folder, {
          FOVEA_CONFIG: config,
          FOVEA_HOOK_BUDGET_MS: String(budget),
          FOVEA_FETCH_TIMEOUT_MS: '1500',
        }),
      ),
    );
    base = await fovea.listen();
  }

  beforeAll(async () => {
    folder = newFolder();
    for (const found of cases) {
      const [study] = found.studies;
      for (const series of study?.series ?? []) {
        for (const [index, { sopInstanceUid }] of series.instances.entries())
          faults[
            `/wado/studies/${study?.studyInstanceUid}/series/${series.seriesInstanceUid}/instances/${sopInstanceUid}`
          ] = wadoFiles(caseFiles(found)[index] as Uint8Array);
      }
    }
    for (const id of ['jpeg-ls', 'rle'])
      for (const address of Object.keys(faults))
        if (address.includes(one(id).studies[0]?.studyInstanceUid as string)) faults[address] = silence;
    // Takes every question of FHIR and never says a word.
    for (const patient of cases.map((found) => found.patient.id))
      faults[`/fhir/Patient/${patient}`] = silence;
    faults['/fhir/ImagingStudy'] = silence;
    pacs = await startFaultServer(faults);
    hospital = await startHospital(cases, `${pacs.origin}/wado`);
    await addOddPackage();
    await start();
    [first, atFirst] = await Promise.all([call(one('lateral').patient.id), readyz()]);
    await fovea.ready;
  });
  afterAll(async () => {
    await fovea?.stop();
    await hospital?.stop();
    await pacs?.close();
  });

  it('answers hooks while its models are still warming', () => {
    expect(atFirst).toMatchObject({ ready: true, store: 'ok' });
    expect(atFirst.models.map(({ state }) => state)).toContain('warming');
    expect(first.status).toBe(200);
    // One of the two models is refused meanwhile, which is told too.
    expect(['pending', 'abstained', 'failed']).toContain(stateOf(first.cards[0]));
  });

  it('a model that gives other results here is refused and told so; the others speak', async () => {
    const { models } = await readyz();
    const odd = models.find(({ model }) => model.startsWith('chest-odd@'));
    expect(odd).toMatchObject({ state: 'refused', code: 'MODEL_PARITY_FAILED' });
    expect(models.filter(({ state }) => state === 'ready')).toHaveLength(1);
    const [card] = await hospital.settled(base, one('low').patient.id);
    expect(stateOf(card)).toBe('final');
  });

  it('a PACS that hangs: the answer is in time, and says that the analysis is in progress', {
    retry: 2,
  }, async () => {
    const { status, cards, milliseconds } = await call(one('jpeg-ls').patient.id);
    expect([status, stateOf(cards[0])]).toEqual([200, 'pending']);
    expect(cards[0]?.detail).toMatch(/Being analysed since \d\d:\d\d UTC/);
    expect(milliseconds).toBeLessThan(budget);
    // It does not give up early either.
    expect(milliseconds).toBeGreaterThan(budget / 2);
  });

  it('a FHIR server that hangs: 412 at the deadline, not later', { retry: 2 }, async () => {
    const { status, outcome, milliseconds } = await call(one('low').patient.id, {
      fhirServer: `${pacs.origin}/fhir`,
    });
    expect([status, outcome]).toEqual([412, 'PREFETCH_UNMET']);
    expect(milliseconds).toBeLessThan(budget * 1.2);
  });

  describe('a stored result is shown only where this very call proves access', () => {
    const found = one('low');
    const [study] = found.studies;
    const prefetch = {
      patient: {
        resourceType: 'Patient',
        id: found.patient.id,
        identifier: [{ value: found.patient.mrn }],
        gender: found.patient.gender,
        birthDate: found.patient.birthDate,
      },
      imagingStudies: {
        resourceType: 'Bundle',
        type: 'searchset',
        entry: [
          {
            resource: imagingStudy({
              uid: study?.studyInstanceUid as string,
              patient: found.patient.id,
              instances:
                study?.series.flatMap(({ instances }) => instances.map((i) => i.sopInstanceUid)) ?? [],
            }),
          },
        ],
      },
    };
    const noAccess = { fhirServer: undefined, fhirAuthorization: undefined };
    beforeAll(async () => {
      await hospital.settled(base, found.patient.id);
    });

    it('the study is in its prefetch: shown, without a token', async () => {
      const { status, cards } = await call(found.patient.id, { ...noAccess, prefetch });
      expect([status, stateOf(cards[0])]).toEqual([200, 'final']);
    });

    it('neither prefetch nor access: 412', async () => {
      const { status, outcome } = await call(found.patient.id, noAccess);
      expect([status, outcome]).toEqual([412, 'PREFETCH_UNMET']);
    });

    it('a token that the FHIR server refuses: 412', async () => {
      const { status, outcome } = await call(found.patient.id, {
        fhirAuthorization: {
          access_token: 'not-of-this-hospital',
          token_type: 'Bearer',
          expires_in: 300,
          scope: 'patient/*.rs',
          subject: 'fovea',
        },
      });
      expect([status, outcome]).toEqual([412, 'PREFETCH_UNMET']);
    });

    it('the same study listed under another patient: held against that patient, and not the old result', async () => {
      const other = { ...prefetch.patient, identifier: [{ value: 'MRN-OTHER' }] };
      let answered = await call(found.patient.id, { ...noAccess, prefetch: { ...prefetch, patient: other } });
      expect(stateOf(answered.cards[0])).not.toBe('final');
      for (let tries = 0; tries < 40 && stateOf(answered.cards[0]) === 'pending'; tries++)
        answered = await call(found.patient.id, { ...noAccess, prefetch: { ...prefetch, patient: other } });
      // The prefetch names no Endpoint, so it is not even fetched.
      expect(reasonOf(answered.cards[0])).toBe('ENDPOINT_MISSING');
    });

    it.each(['Patient/p1', 'RelatedPerson/r1'])('%s gets no card', async (userId) => {
      const { status, cards } = await call(found.patient.id, {
        prefetch,
        context: { userId, patientId: found.patient.id },
      });
      expect([status, cards]).toEqual([200, []]);
    });
  });

  it('stops with a job under way, starts again on the same folder, and has what it had', async () => {
    await call(one('rle').patient.id);
    await fovea.stop();
    await expect(fetch(`${base}/healthz`)).rejects.toThrow();
    await start();
    const { status, cards } = await call(one('low').patient.id);
    expect([status, stateOf(cards[0])]).toEqual([200, 'final']);
    expect(stateOf((await call(one('rle').patient.id)).cards[0])).toBe('pending');
  });
});
