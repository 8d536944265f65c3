import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOf } from '#assessment/catalogue';
import { createPerformer, isFinal, type RunnerParts } from '#assessment/perform';
import { createPool, type Pool } from '#assessment/pool';
import { createStudyFetcher } from '#assessment/study-fetcher';
import { createOutboundFetch } from '#auth/outbound';
import { type ErrorCode, errorTable, ServiceError } from '#core/error';
import type { StudyAssessment } from '#core/hook-tools';
import type { LogFields } from '#core/log';
import type { Tenant } from '#core/tenant';
import type { SandboxCase } from '#sandbox/case-file';
import { startWork } from '#store/work';
import { type Clinic, clinicTenant, openClinic, patientRecord } from '../support/clinic.ts';
import { answer, type Fault, type FaultServer, silence, startFaultServer } from '../support/fault-server.ts';
import { caseFiles, sandboxCases } from '../support/hospital.ts';
import { request } from '../support/store.ts';
import { wadoFiles, withToken } from '../support/wado.ts';

const sandboxCase = sandboxCases().find(({ id }) => id === 'low') as SandboxCase;
const good = caseFiles(sandboxCase)[0] as Uint8Array;
const uid = sandboxCase.studies[0]?.studyInstanceUid as string;
const chart = patientRecord({
  identifier: [{ value: sandboxCase.patient.mrn }],
  birthDate: sandboxCase.patient.birthDate,
  gender: sandboxCase.patient.gender,
});

describe('one job', () => {
  const faults: Record<string, Fault> = {};
  const tenants: Tenant[] = [];
  const logged: LogFields[] = [];
  const ends: string[] = [];
  let clinic: Clinic;
  let pacs: FaultServer;
  let pool: Pool;
  let parts: RunnerParts;

  beforeAll(async () => {
    clinic = await openClinic({ backoff: { first: 600, longest: 600, seed: 'test' } });
    pacs = await startFaultServer(faults);
    const { pkg } = clinic;
    pool = createPool({
      folders: { [idOf(pkg)]: pkg.folder },
      providers: ['cpu'],
      size: 1,
      timeoutMs: 30_000,
    });
    parts = {
      pool,
      credentials: clinic.parts.credentials,
      tenants,
      manifests: () => new Map([[idOf(pkg), pkg.manifest]]),
      fetchInstances: createStudyFetcher(createOutboundFetch(), 2_000),
      fetchTimeoutMs: 2_000,
      log: { info: (fields) => logged.push(fields), warn: () => undefined, error: () => undefined },
      onEnd: ({ outcome }) => ends.push(outcome),
    };
  });
  afterAll(async () => {
    await pool?.close();
    await pacs?.close();
    await clinic?.close();
  });

  /** A tenant of its own for each test, so that its study is new to the store. */
  function scene(instances: Readonly<Record<string, Fault>>, more: Partial<Tenant> = {}) {
    const tenant: Tenant = {
      ...clinicTenant,
      id: `clinic-${tenants.length}`,
      imagingServers: [{ base: `${pacs.origin}/wado`, addresses: ['127.0.0.0/8'], sendToken: true }],
      ...more,
    };
    tenants.push(tenant);
    for (const path of Object.keys(faults)) delete faults[path];
    for (const [name, fault] of Object.entries(instances))
      faults[`/wado/studies/${uid}/series/${uid}.1/instances/${name}`] = fault;
    const study = {
      uid,
      instances: Object.keys(instances),
      endpoint: { address: `${pacs.origin}/wado` },
    };
    const open = async (token?: string, seconds = 60, patient: unknown = chart) => {
      const access = token === undefined ? {} : { access: { token, expiresAt: Date.now() + seconds * 1000 } };
      const { studies } = await clinic.open([study], { tenant, patient, ...access });
      return studies[0] as StudyAssessment;
    };
    const job = async () => {
      const rows = await clinic.database.kysely
        .selectFrom('jobs')
        .select(['id', 'state', 'credential', 'attempts', 'reason_code'])
        .where('tenant', '=', tenant.id)
        .execute();
      return rows[0] as (typeof rows)[number];
    };
    /** Works until the job of this scene is not under way any more. */
    const work = async (change: Partial<RunnerParts> = {}) => {
      const running = startWork({
        queue: clinic.queue,
        lanes: 1,
        perform: createPerformer({ ...parts, ...change }),
        isFinal,
      });
      const settled = async () => {
        const { state, attempts, reason_code } = await job();
        return state !== 'running' && (state !== 'queued' || (attempts > 0 && reason_code !== null));
      };
      try {
        await expect.poll(settled, { timeout: 10_000, interval: 20 }).toBe(true);
      } finally {
        await running.stop();
      }
      return job();
    };
    return { open, work, job };
  }
  const token = (id: string) => clinic.parts.credentials.tokenFor(id);
  const codeOf = (told: StudyAssessment) => ('reason' in told ? told.reason.code : null);

  it('fetches with the token of the call, gives a result, and the token is gone with the job', async () => {
    const { open, work } = scene({ '1.1': withToken('secret-1', wadoFiles(good)) });
    expect((await open('secret-1')).state).toBe('pending');
    const ended = await work();
    expect(ended).toMatchObject({ state: 'done', credential: 'hook' });
    expect(token(ended.id)).toBeNull();
    const told = await open();
    expect(told.state).toBe('final');
    expect(told.state === 'final' && told.result.image.studyDate).toBe(
      sandboxCase.studies[0]?.started.slice(0, 10),
    );
    const { rows } = await sql<{ all: string }>`
      select (select json_agg(j) from jobs j)::text || (select json_agg(a) from assessments a)::text ||
        (select json_agg(p) from assessment_private p)::text as all`.execute(clinic.database.kysely);
    expect(rows[0]?.all).toContain(uid);
    expect(rows[0]?.all).not.toContain('secret-1');
  });

  it('on a token that has ended waits as needs-credential, untried, and goes on with the next call’s', async () => {
    const { open, work, job } = scene({ '1.1': withToken('secret-2', wadoFiles(good)) });
    await open('secret-1', -1);
    expect(await work()).toMatchObject({ state: 'needs-credential', attempts: 0 });
    const seen = pacs.requests.length;
    expect(await open('secret-2')).toMatchObject({
      state: 'pending',
      lastReason: { code: 'NEEDS_CREDENTIAL' },
    });
    expect(await work()).toMatchObject({ state: 'done' });
    expect(pacs.requests.length).toBe(seen + 1);
    expect(token((await job()).id)).toBeNull();
  });

  it('whose token ends while the study is fetched waits for the next one: no fault of the study', async () => {
    const late: Fault = (incoming, response) => {
      setTimeout(() => answer(401)(incoming, response), 700);
    };
    const { open, work } = scene({ '1.1': late });
    await open('secret-1', 0.6);
    expect(await work()).toMatchObject({
      state: 'needs-credential',
      attempts: 0,
      reason_code: 'NEEDS_CREDENTIAL',
    });
  });

  it('whose living token is refused is dead and says so, and the token is dropped', async () => {
    const { open, work } = scene({ '1.1': withToken('secret-2', wadoFiles(good)) });
    await open('secret-1');
    const ended = await work();
    expect(ended).toMatchObject({ state: 'dead', reason_code: 'DICOMWEB_UNAUTHORIZED' });
    expect(token(ended.id)).toBeNull();
    expect(codeOf(await open('secret-2'))).toBe('DICOMWEB_UNAUTHORIZED');
    expect(token(ended.id), 'a dead job holds no token').toBeNull();
  });

  it('of a call without a token tries without; refused, it waits for a call that brings one', async () => {
    const { open, work } = scene({ '1.1': withToken('secret-1', wadoFiles(good)) });
    await open();
    expect(await work()).toMatchObject({ state: 'needs-credential', credential: 'none' });
    expect(codeOf(await open('secret-1'))).toBeNull();
    expect(await work()).toMatchObject({ state: 'done', credential: 'hook' });
  });

  it('holds no token where no server of the study may have it', async () => {
    const { open, work, job } = scene(
      { '1.1': wadoFiles(good) },
      { imagingServers: [{ base: `${pacs.origin}/wado`, addresses: ['127.0.0.0/8'] }] },
    );
    await open('secret-1');
    const { id, credential } = await job();
    expect([credential, token(id)]).toEqual(['none', null]);
    expect(await work()).toMatchObject({ state: 'done' });
    expect(pacs.requests.at(-1)?.headers.authorization).toBeUndefined();
  });

  it('whose files cannot be read fails and is not tried again for now; the token is dropped', async () => {
    const { open, work } = scene({ '1.1': wadoFiles(good.subarray(0, good.length >> 1)) });
    await open('secret-1');
    const ended = await work();
    expect(ended).toMatchObject({ state: 'dead', attempts: 1 });
    expect(token(ended.id)).toBeNull();
    const told = await open();
    expect([told.state, codeOf(told)]).toEqual(['failed', 'DICOM_TRUNCATED']);
    expect(ends.at(-1)).toBe('DICOM_TRUNCATED');
  });

  it('whose files could not be read is read anew when the chart is opened an hour later', async () => {
    const { open, work, job } = scene({ '1.1': wadoFiles(good.subarray(0, good.length >> 1)) });
    await open();
    await work();
    faults[`/wado/studies/${uid}/series/${uid}.1/instances/1.1`] = wadoFiles(good);
    expect((await open()).state).toBe('failed');
    await clinic.database.kysely
      .updateTable('jobs')
      .set({ settled_at: new Date(Date.now() - 3_700_000) })
      .where('id', '=', (await job()).id)
      .execute();
    expect((await open()).state).toBe('pending');
    await work();
    expect((await open()).state).toBe('final');
  });

  it('one broken file does not hide the good one of the same study', async () => {
    const { open, work } = scene({ '1.1': wadoFiles(Buffer.from('hello')), '1.2': wadoFiles(good) });
    await open();
    await work();
    expect((await open()).state).toBe('final');
  });

  it.each([
    ['patient id', { identifier: [{ value: 'somebody-else' }] }],
    ['birth date', { birthDate: '2019-01-01' }],
    ['sex', { gender: sandboxCase.patient.gender === 'male' ? 'female' : 'male' }],
  ])('an image whose %s is not the chart’s: abstained, no number kept', async (field, change) => {
    const { open, work } = scene({ '1.1': wadoFiles(good) });
    const other = { ...chart, ...change };
    await open(undefined, 0, other);
    await work();
    const told = await open(undefined, 0, other);
    expect([told.state, codeOf(told)]).toEqual(['abstained', 'PATIENT_MISMATCH']);
    expect('reason' in told && told.reason.text).toContain(field);
    const id = told.state === 'abstained' ? told.assessmentId : '';
    const stored = await clinic.parts.store.byId(tenants.at(-1)?.id as string, id);
    expect([stored?.assessment.findings, stored?.private]).toEqual([[], null]);
  });

  it('an image of another study than the record says: abstained', async () => {
    const other = sandboxCases().find(({ id }) => id === 'elevated') as SandboxCase;
    const { open, work } = scene({ '1.1': wadoFiles(caseFiles(other)[0] as Uint8Array) });
    await open();
    await work();
    const told = await open();
    expect(codeOf(told)).toBe('PATIENT_MISMATCH');
    expect('reason' in told && told.reason.text).toContain('another study');
  });

  it('a server that says nothing: DICOMWEB_TIMEOUT, tried again later', async () => {
    const { open, work } = scene({ '1.1': silence });
    await open();
    const quick = { fetchInstances: createStudyFetcher(createOutboundFetch(), 300), fetchTimeoutMs: 300 };
    expect(await work(quick)).toMatchObject({
      state: 'queued',
      attempts: 1,
      reason_code: 'DICOMWEB_TIMEOUT',
    });
  });

  it('a study of which nothing could be read by the model: abstained', async () => {
    const { open, work } = scene({ '1.1': wadoFiles(good) });
    await open();
    const { manifest } = clinic.pkg;
    const selects = { ...manifest.selects, sopClass: ['1.2.840.10008.5.1.4.1.1.2'] };
    await work({ manifests: () => new Map([[idOf(clinic.pkg), { ...manifest, selects }]]) });
    expect(codeOf(await open())).toBe('GATE_MODALITY');
  });

  it('result and end of the job are one: a result that cannot be stored leaves the job undone', async () => {
    const { open, work } = scene({ '1.1': wadoFiles(good) });
    await sql`alter table assessments add constraint none_here check (tenant <> ${sql.lit(tenants.at(-1)?.id)}) not valid`.execute(
      clinic.database.kysely,
    );
    await open();
    expect(await work()).toMatchObject({ state: 'queued', attempts: 1, reason_code: 'INTERNAL' });
    expect((await open()).state).toBe('pending');
  });

  it('is given back untried when the process stops', async () => {
    const { open, job } = scene({ '1.1': silence });
    await open();
    const work = startWork({ queue: clinic.queue, lanes: 1, perform: createPerformer(parts), isFinal });
    await expect.poll(async () => (await job()).state).toBe('running');
    await expect.poll(() => pacs.requests.at(-1)?.url.endsWith('/1.1')).toBe(true);
    await work.stop();
    expect(await job()).toMatchObject({ state: 'queued', attempts: 0 });
    expect(ends.at(-1)).toBe('given-back');
    await clinic.database.kysely.deleteFrom('jobs').where('state', '=', 'queued').execute();
  });

  it('logs its end by code, job id and time, and nothing of the patient or the study', () => {
    expect(logged.length).toBeGreaterThan(5);
    const text = JSON.stringify(logged);
    for (const secret of [uid, sandboxCase.patient.mrn, sandboxCase.patient.birthDate, 'secret-'])
      expect(text).not.toContain(secret);
    expect(logged.every(({ event }) => event === 'job-ended')).toBe(true);
  });

  it('every code ends as designed: tried again, waiting for access, or dead with its own code', async () => {
    const again = new Set<ErrorCode>([
      'CONFIG_INVALID',
      'DICOMWEB_BUSY',
      'DICOMWEB_TIMEOUT',
      'DICOMWEB_TRUNCATED',
      'DICOMWEB_UNAVAILABLE',
      'FHIR_UNAVAILABLE',
      'INTERNAL',
      'OUTBOUND_TIMEOUT',
      'OUTBOUND_UNREACHABLE',
      'STORE_FULL',
      'STORE_UNAVAILABLE',
      'WORKER_DIED',
      'WORKER_TIMEOUT',
    ]);
    const stateOf = (code: ErrorCode) =>
      code === 'NEEDS_CREDENTIAL' ? 'needs-credential' : again.has(code) ? 'queued' : 'dead';
    const codes = Object.keys(errorTable) as ErrorCode[];
    const tenant = { ...clinicTenant, id: 'codes' };
    tenants.push(tenant);
    const { name, version } = clinic.pkg.manifest;
    const study = { endpoint: null, unreadEndpoints: [], series: [] };
    for (const [index, code] of codes.entries())
      await clinic.queue.enqueue(
        request(index, { tenant: 'codes', model: { name, version }, payload: { study, code } }),
      );
    const perform = createPerformer({
      ...parts,
      fetchInstances: ({ payload }) => {
        throw new ServiceError((payload as unknown as { code: ErrorCode }).code);
      },
    });
    const work = startWork({ queue: clinic.queue, lanes: 4, perform, isFinal });
    const rows = () =>
      clinic.database.kysely
        .selectFrom('jobs')
        .select(['study_uid', 'state', 'reason_code'])
        .where('tenant', '=', 'codes')
        .execute();
    await expect
      .poll(async () => (await rows()).filter((row) => row.reason_code === null).length, { timeout: 20_000 })
      .toBe(0);
    await work.stop();
    const ended = new Map((await rows()).map((row) => [row.study_uid, row]));
    const told = codes.map((code, index) => [code, ended.get(`2.25.${index}`)?.state]);
    expect(told).toEqual(codes.map((code) => [code, stateOf(code)]));
    for (const [index, code] of codes.entries()) expect(ended.get(`2.25.${index}`)?.reason_code).toBe(code);
  });
});
