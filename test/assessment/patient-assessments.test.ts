import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { errorTable, ServiceError } from '#core/error';
import { createCards } from '#store/cards';
import { createFeedback } from '#store/feedback';
import { type Clinic, noTime, openClinic, patientRecord, speaking, today } from '../support/clinic.ts';
import { result } from '../support/store.ts';

let clinic: Clinic;
let count = 0;
beforeAll(async () => {
  clinic = await openClinic({ backoff: { first: 0.01, longest: 0.01, seed: 'test' } });
});
afterAll(() => clinic?.close());
beforeEach(async () => {
  clinic.models.splice(0, clinic.models.length, speaking(clinic.pkg));
  await clinic.database.kysely.deleteFrom('jobs').execute();
});

/** A study that no other test has seen. */
const fresh = (more: Readonly<Record<string, unknown>> = {}) => {
  count += 1;
  return { uid: `2.25.${1000 + count}`, started: '2026-11-19', ...more };
};

const failWith = async (code: ConstructorParameters<typeof ServiceError>[0], final = false) =>
  clinic.queue.fail(await clinic.claim(), new ServiceError(code), { final });

describe('which studies of the record are told', () => {
  it('the newest first, by the instant and not by the text; those without a date last', async () => {
    const studies = [
      fresh({ started: undefined }),
      fresh({ started: '2026-11-18T23:30:00-05:00' }),
      fresh({ started: '2026-11-19T01:00:00Z' }),
      fresh({ started: '2026-11-20' }),
    ];
    const { studies: told } = await clinic.open(studies);
    expect(told.map(({ started }) => started)).toEqual([
      '2026-11-20',
      '2026-11-18T23:30:00-05:00',
      '2026-11-19T01:00:00Z',
      null,
    ]);
  });

  it('those older than the tenant’s lookback are counted, and no job is made for them', async () => {
    const told = await clinic.open([fresh({ started: '2026-11-01' }), fresh({ started: '2026-10-01' })], {
      tenant: { lookbackDays: 30 },
    });
    expect([told.studies.length, told.olderThanLookback, told.lookbackDays]).toEqual([1, 1, 30]);
    expect(await clinic.jobs()).toHaveLength(1);
  });

  it('a record of hundreds of studies: the newest 50 are looked at, the rest is counted', async () => {
    const told = await clinic.open(Array.from({ length: 130 }, () => fresh()));
    expect([told.studies.length, told.beyondNewest, told.unread]).toEqual([50, 80, 0]);
    expect(await clinic.jobs()).toHaveLength(50);
  });

  it('those that no deployed model reads are counted, and no job is made for them', async () => {
    const told = await clinic.open([fresh({ modality: 'MR' }), fresh()]);
    expect([told.studies.length, told.unread]).toEqual([1, 1]);
    expect(await clinic.jobs()).toHaveLength(1);
  });

  it.each(['Patient/p1', 'RelatedPerson/r1'])('to %s none is told, whatever service asks', async (userId) => {
    expect((await clinic.open([fresh()], { userId })).studies).toEqual([]);
    expect(await clinic.jobs()).toEqual([]);
  });

  it('those of another patient are not there', async () => {
    expect(await clinic.open([fresh({ patient: 'p2' })])).toMatchObject({ studies: [], unread: 0 });
    expect(await clinic.jobs()).toEqual([]);
  });

  it('without a deployed model nothing is told and nothing is queued', async () => {
    clinic.models.length = 0;
    expect(await clinic.open([fresh()])).toMatchObject({ studies: [], unread: 1 });
    expect(await clinic.jobs()).toEqual([]);
  });

  it('a patient that is not the one in context is refused, and so is none at all, before any job', async () => {
    await expect(clinic.open([fresh()], { patient: patientRecord({ id: 'p2' }) })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    await expect(clinic.open([fresh()], { patient: null })).rejects.toMatchObject({ code: 'PREFETCH_UNMET' });
    expect(await clinic.jobs()).toEqual([]);
  });
});

describe('a study without a result', () => {
  it('is queued and told as pending since its job was accepted, whoever asks later', async () => {
    const study = fresh();
    const [first] = (await clinic.open([study])).studies;
    const [later] = (await clinic.open([study], { userId: 'Practitioner/2' })).studies;
    expect(first).toMatchObject({ state: 'pending', usualSeconds: null, lastReason: null });
    const since = (one: typeof first) => (one?.state === 'pending' ? one.since.getTime() : Number.NaN);
    expect(Math.abs(since(first) - Date.now())).toBeLessThan(60_000);
    expect(since(later)).toBe(since(first));
  });

  it('says the usual time once jobs of this model version have ended', async () => {
    await clinic.open([fresh()]);
    await clinic.finish();
    const [told] = (await clinic.open([fresh()])).studies;
    expect(told).toMatchObject({ state: 'pending', usualSeconds: expect.any(Number) });
    clinic.models.splice(0, 1, speaking(clinic.pkg, { version: '99.0.0' }));
    const [other] = (await clinic.open([fresh()])).studies;
    expect(other).toMatchObject({ state: 'pending', usualSeconds: null });
  });

  it('asked by ten hooks at once is one job', async () => {
    const study = fresh();
    const answers = await Promise.all(Array.from({ length: 10 }, () => clinic.open([study])));
    expect(answers.map(({ studies }) => studies[0]?.state)).toEqual(Array(10).fill('pending'));
    expect(await clinic.jobs()).toHaveLength(1);
  });

  it('has its result in the very call when the job ends before the deadline', async () => {
    const study = fresh();
    const until = AbortSignal.timeout(20_000);
    const answer = clinic.open([study], { until });
    await expect.poll(async () => (await clinic.jobs()).length).toBe(1);
    await clinic.finish();
    expect((await answer).studies[0]?.state).toBe('final');
    expect(until.aborted).toBe(false);
  });

  it('the wait ends when its signal does, and not with the job', async () => {
    const deadline = new AbortController();
    const answer = clinic.open([fresh()], { until: deadline.signal });
    await expect.poll(async () => (await clinic.jobs()).length).toBe(1);
    await clinic.claim();
    deadline.abort();
    expect((await answer).studies[0]?.state).toBe('pending');
  });

  it('nobody waits for a study that has to be quiet first', async () => {
    const [told] = (
      await clinic.open([fresh()], { tenant: { quietSeconds: 600 }, until: AbortSignal.timeout(20_000) })
    ).studies;
    expect(told?.state).toBe('pending');
    expect((await clinic.jobs()).map(({ state }) => state)).toEqual(['waiting']);
  });

  it('a failed try is told on the pending card, with what would help', async () => {
    const study = fresh();
    await clinic.open([study]);
    await failWith('DICOMWEB_BUSY');
    expect((await clinic.open([study])).studies[0]).toMatchObject({
      state: 'pending',
      lastReason: { code: 'DICOMWEB_BUSY', help: errorTable.DICOMWEB_BUSY.help },
    });
  });

  it('a dead job says why; trying again that would not help is not tried', async () => {
    const study = fresh();
    await clinic.open([study]);
    await failWith('DICOMWEB_NOT_FOUND', true);
    for (let times = 0; times < 2; times++) {
      expect((await clinic.open([study])).studies[0]).toMatchObject({
        state: 'failed',
        reason: { code: 'DICOMWEB_NOT_FOUND', help: errorTable.DICOMWEB_NOT_FOUND.help },
      });
    }
    expect((await clinic.jobs()).map(({ state }) => state)).toEqual(['dead']);
  });

  it('after the last try it says that, with the reason of the last one', async () => {
    const study = fresh();
    await clinic.open([study]);
    for (let attempt = 0; attempt < 5; attempt++) {
      await clinic.database.kysely
        .updateTable('jobs')
        .set({ run_after: new Date(0) })
        .execute();
      await failWith('DICOMWEB_UNAVAILABLE');
    }
    const [told] = (await clinic.open([study])).studies;
    expect(told).toMatchObject({ state: 'failed', reason: { code: 'JOB_EXHAUSTED' } });
    expect(told?.state === 'failed' && told.reason.text).toContain(errorTable.DICOMWEB_UNAVAILABLE.text);
  });

  it('an abstention is told with its reason, its help and the model’s facts', async () => {
    const study = fresh();
    await clinic.open([study]);
    const reason = { code: 'GATE_VIEW', text: 'Not frontal.' } as const;
    await clinic.finish({
      assessment: { ...result().assessment, status: 'abstained', reason, findings: [] },
      private: null,
    });
    expect((await clinic.open([study])).studies[0]).toMatchObject({
      state: 'abstained',
      reason: { ...reason, help: errorTable.GATE_VIEW.help },
      model: { name: clinic.pkg.manifest.name, version: clinic.pkg.manifest.version },
    });
  });
});

describe('a stored result', () => {
  it('is told without waiting and without another job', async () => {
    const study = fresh();
    await clinic.open([study]);
    await clinic.finish();
    let waited = 0;
    const [told] = (await clinic.open([study], { onWait: () => (waited += 1) })).studies;
    expect(told?.state).toBe('final');
    expect(waited).toBe(0);
    expect(await clinic.jobs()).toHaveLength(1);
  });

  it('is of its tenant alone', async () => {
    const study = fresh();
    await clinic.open([study]);
    await clinic.finish();
    expect((await clinic.open([study], { tenant: { id: 'elsewhere' } })).studies[0]?.state).toBe('pending');
  });

  it('of an older model version is not shown: the newer one assesses anew', async () => {
    const study = fresh();
    await clinic.open([study]);
    await clinic.finish();
    clinic.models.splice(0, 1, speaking(clinic.pkg, { version: '99.0.0' }));
    expect((await clinic.open([study])).studies[0]?.state).toBe('pending');
    expect((await clinic.jobs()).map(({ model_version }) => model_version)).toContain('99.0.0');
  });

  it('of fewer instances is not shown: later instances make a new assessment', async () => {
    const study = fresh();
    await clinic.open([study]);
    await clinic.finish();
    const grown = { ...study, instances: [`${study.uid}.1.1`, `${study.uid}.1.2`] };
    expect((await clinic.open([grown])).studies[0]?.state).toBe('pending');
    expect((await clinic.open([study])).studies[0]?.state).toBe('final');
  });

  it('held against another patient’s identity is not shown: a corrected record assesses anew', async () => {
    const study = fresh();
    await clinic.open([study]);
    await clinic.finish();
    for (const corrected of [
      { birthDate: '2022-01-01' },
      { identifier: [{ value: 'MRN-2' }] },
      { gender: 'male' },
    ]) {
      const [told] = (await clinic.open([study], { patient: patientRecord(corrected) })).studies;
      expect(told?.state, JSON.stringify(corrected)).toBe('pending');
    }
    const renamed = patientRecord({ name: [{ family: 'New' }], telecom: [{ value: '1' }] });
    expect((await clinic.open([study], { patient: renamed })).studies[0]?.state).toBe('final');
  });

  it('that this user overrode is marked, for others and for changed content it is not', async () => {
    const study = fresh();
    await clinic.open([study]);
    await clinic.finish();
    const [told] = (await clinic.open([study])).studies;
    const id = crypto.randomUUID();
    const { name, version } = clinic.pkg.manifest;
    await createCards(clinic.database).issued([
      {
        id,
        tenant: 'clinic',
        service: 'imaging-assessment',
        userKey: clinic.parts.pseudonyms.user('clinic', 'Practitioner/1'),
        studyKey: told?.studyKey as string,
        model: { name, version },
        finding: 'pneumonia',
        hookInstance: crypto.randomUUID(),
      },
    ]);
    await createFeedback(clinic.database).save('clinic', 'imaging-assessment', [
      {
        card: id,
        outcome: 'overridden',
        acceptedSuggestions: [],
        overrideReason: null,
        outcomeTimestamp: '2026-11-20T12:00:00Z',
      },
    ]);
    const overridden = async (userId: string, more = {}) =>
      (await clinic.open([{ ...study, ...more }], { userId })).studies[0]?.overridden;
    expect(await overridden('Practitioner/1')).toBe(true);
    expect(await overridden('Practitioner/2')).toBe(false);
    expect(await overridden('Practitioner/1', { instances: ['2.25.9.9'] })).toBe(false);
  });
});

describe('several models', () => {
  it('a shadow model is queued behind, waited for by nobody and never told', async () => {
    const study = fresh();
    clinic.models.push(speaking(clinic.pkg, { version: '99.0.0', state: 'shadow' }));
    await clinic.open([study]);
    expect((await clinic.jobs()).map(({ priority }) => priority).sort()).toEqual([0, 10]);
    await clinic.finish();
    let waited = 0;
    const { studies } = await clinic.open([study], { onWait: () => (waited += 1) });
    expect(studies.map(({ state }) => state)).toEqual(['final']);
    expect(waited).toBe(0);
    clinic.models.shift();
    expect(await clinic.open([study])).toMatchObject({ studies: [], unread: 1 });
  });

  it('of two active ones every result is told; a failure beside a result is not', async () => {
    const study = fresh();
    clinic.models.push(speaking(clinic.pkg, { name: 'other' }));
    await clinic.open([study]);
    await clinic.finish();
    expect((await clinic.open([study])).studies.map(({ state }) => state)).toEqual(['final']);
    await failWith('MODEL_PARITY_FAILED', true);
    expect((await clinic.open([study])).studies.map(({ state }) => state)).toEqual(['final']);
  });

  it('a pending one is told before a failed one, and one card is enough', async () => {
    const study = fresh();
    clinic.models.push(speaking(clinic.pkg, { name: 'other' }));
    await clinic.open([study]);
    await failWith('MODEL_PARITY_FAILED', true);
    expect((await clinic.open([study], { until: noTime })).studies.map(({ state }) => state)).toEqual([
      'pending',
    ]);
    await failWith('MODEL_PROVIDER_UNAVAILABLE', true);
    expect((await clinic.open([study])).studies.map(({ state }) => state)).toEqual(['failed']);
  });
});

it('the clock of the lookback is the service’s, not that of the record', async () => {
  const study = fresh({ started: '2026-11-19' });
  const later = new Date(today.getTime() + 400 * 86_400_000);
  expect(await clinic.open([study], { now: later })).toMatchObject({ studies: [], olderThanLookback: 1 });
});
