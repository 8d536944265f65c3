import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAppTools } from '#assessment/app/tools';
import { feedbackRows } from '#assessment/feedback-rows';
import type { SpeakingModel } from '#assessment/patient-assessments';
import type { AppEvidence, AppStudy } from '#core/app';
import { codeSystems } from '#core/identifiers';
import { createCards } from '#store/cards';
import { createFeedback } from '#store/feedback';
import { type FeedbackExport, openFeedbackExport } from '#store/feedback-export';
import { type AppClinic, never, openAppClinic } from '../../support/app-clinic.ts';
import { speaking } from '../../support/clinic.ts';

let app: AppClinic;
/** The newest study of each patient once its job is done. */
const studies: Record<string, AppStudy> = {};
const patients = ['elevated', 'low', 'adult', 'monochrome1', 'jpeg-2000', 'prior'] as const;

beforeAll(async () => {
  app = await openAppClinic();
  for (const one of patients) await app.tools.chart(app.session(one), never);
  await app.work();
  for (const one of patients)
    studies[one] = (await app.tools.chart(app.session(one), never)).studies[0] as AppStudy;
}, 240_000);
afterAll(() => app?.close());

const idOf = (patient: (typeof patients)[number]): string => studies[patient]?.assessment as string;
const evidenceOf = (patient: (typeof patients)[number]): Promise<AppEvidence> =>
  app.tools.evidence(app.session(patient), idOf(patient));
const refusals = () => app.logged.filter(({ event }) => event === 'app-access-refused');

describe('the chart', () => {
  it('tells each study with its result, an abstention and its reason, and the report of the radiologist', () => {
    expect(studies['elevated']).toMatchObject({
      state: 'final',
      findings: [{ name: 'pneumonia', band: 'elevated', prevalence: { value: 0.2, source: 'tenant' } }],
      report: null,
      pending: null,
    });
    expect(studies['adult']).toMatchObject({
      state: 'abstained',
      findings: [],
      reason: { code: 'GATE_AGE', text: expect.any(String), help: expect.any(String) },
    });
    expect(studies['monochrome1']?.report).toMatchObject({
      status: 'final',
      performer: expect.stringContaining('Berg'),
      conclusion: expect.stringContaining('pneumonia'),
    });
  });

  it('says of its completeness and of its reports what is known', async () => {
    const chart = await app.tools.chart(app.session('elevated'), never);
    expect(chart).toMatchObject({ incomplete: false, reportsRead: true, unread: 0, others: [] });
    const narrow = app.session('elevated', { scope: 'patient/Patient.r patient/ImagingStudy.rs' });
    const before = app.asked.length;
    expect((await app.tools.chart(narrow, never)).reportsRead).toBe(false);
    expect(app.asked.slice(before).join(), 'what was not granted is not asked for').not.toContain(
      'DiagnosticReport',
    );
  });

  it('asks the EHR once for everything that one launch looks at within a while', async () => {
    const session = app.session('low');
    await app.tools.chart(session, never);
    const before = app.asked.length;
    await app.tools.chart(session, never);
    await app.tools.evidence(session, idOf('low'));
    expect(app.asked.slice(before).filter((url) => url.startsWith('/fhir'))).toEqual([]);
  });

  it('what the context needs is asked for when the page is, and not again', async () => {
    const session = app.session('jpeg-2000');
    const before = app.asked.length;
    const charts = () =>
      app.asked.slice(before).filter((url) => /^\/fhir\/(?:Patient|ImagingStudy)/.test(url));
    app.tools.prepare(session);
    await expect.poll(charts).toHaveLength(2);
    const { patient } = await app.tools.context(session);
    expect(patient?.name).toMatch(/\S/);
    expect(charts()).toHaveLength(2);
  });

  it('an EHR that refuses is told by the context, not when the page is asked for', async () => {
    const session = app.session('low', { scope: 'patient/ImagingStudy.rs' });
    app.tools.prepare(session);
    await expect(app.tools.context(session)).rejects.toMatchObject({ code: expect.stringMatching(/^FHIR_/) });
  });

  it('studies older than the lookback are there to be opened, and no job is made for them', async () => {
    const before = await app.clinic.jobs();
    const session = app.session('prior', { tenant: { lookbackDays: 1 } });
    const { studies: told, others, olderThanLookback } = await app.tools.chart(session, never);
    expect([told.length, olderThanLookback]).toEqual([1, 1]);
    expect(others).toMatchObject([{ why: 'older', report: { status: 'final' } }]);
    expect(await app.clinic.jobs()).toEqual(before);
  });

  it.each([['Patient/elevated'], ['RelatedPerson/1'], ['']])('to %j nothing is told', async (user) => {
    const session = app.session('elevated', { user });
    expect(await app.tools.chart(session, never)).toMatchObject({ studies: [], others: [] });
    await expect(app.tools.evidence(session, idOf('elevated'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each([
    [401, 'FHIR_UNAUTHORIZED'],
    [403, 'FHIR_UNAUTHORIZED'],
    [429, 'FHIR_UNAVAILABLE'],
    [500, 'FHIR_UNAVAILABLE'],
  ])('FHIR %i is %s, and the next call asks again', async (status, code) => {
    const session = app.session('low');
    app.stands.push(({ url }, reply) => {
      if (!url.startsWith('/fhir/ImagingStudy')) return false;
      void reply.code(status).header('retry-after', '7').send({});
      return true;
    });
    await expect(app.tools.chart(session, never)).rejects.toMatchObject({
      code,
      ...(status === 429 && { retryAfter: 7 }),
    });
    app.stands.length = 0;
    expect((await app.tools.chart(session, never)).studies).toHaveLength(1);
  });
});

describe('changes', () => {
  it('a pending study moves to its result by itself, and then the stream ends', async () => {
    const session = app.session('rle');
    const [before] = (await app.tools.chart(session, never)).studies;
    expect(before).toMatchObject({ state: 'pending', assessment: null, findings: [] });
    const seen: AppStudy[] = [];
    const watching = (async () => {
      for await (const study of app.tools.changes(session, never)) seen.push(study);
    })();
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await app.work();
    await watching;
    expect(seen.map(({ state }) => state)).toEqual(['pending', 'final']);
    expect(seen[1]?.key).toBe(before?.key);
  }, 60_000);

  it('ends at once when the reader leaves', async () => {
    const reader = new AbortController();
    reader.abort();
    const seen = [];
    for await (const study of app.tools.changes(app.session('low'), reader.signal)) seen.push(study);
    expect(seen).toEqual([]);
  });
});

describe('the evidence of a result', () => {
  it('the finding here, and at every operating point', async () => {
    const { findings } = await evidenceOf('elevated');
    const [finding] = findings;
    expect(finding?.here).toMatchObject({ prevalence: 0.2, source: 'tenant' });
    expect(finding?.here.operatingPoints.map(({ name }) => name)).toEqual(['rule-out', 'rule-in']);
    for (const { ppv, npv } of finding?.here.operatingPoints ?? [])
      for (const { value, interval } of [ppv, npv]) {
        expect(value).toBeGreaterThanOrEqual(interval[0]);
        expect(value).toBeLessThanOrEqual(interval[1]);
      }
    expect(finding?.alpha).toBe(0.1);
    expect(finding?.set).toEqual(['present']);
  });

  it('where it lies among the calibration cases, by probability alone', async () => {
    const calibration = app.clinic.pkg.calibration['pneumonia'];
    const { distribution } = (await evidenceOf('elevated')).findings[0] as AppEvidence['findings'][number];
    const sum = (counts: readonly number[]) => counts.reduce((total, one) => total + one, 0);
    expect(sum(distribution.present)).toBe(calibration?.positives);
    expect(sum(distribution.absent)).toBe((calibration?.n ?? 0) - (calibration?.positives ?? 0));
    expect([distribution.edges[0], distribution.edges.at(-1), distribution.edges.length]).toEqual([0, 1, 21]);
    const low = (await evidenceOf('low')).findings[0]?.distribution;
    expect(distribution.quantile).toBeGreaterThan(low?.quantile ?? 1);
    // Left out of its own calibration, no case is told with certainty.
    expect(distribution.here).toBeGreaterThan(0.8);
  });

  it('the nearest calibration cases: outcome and distance, nearest first, and nothing else', async () => {
    const near = (await evidenceOf('elevated')).findings[0]?.neighbours ?? [];
    expect(near.length).toBeGreaterThan(0);
    for (const one of near)
      expect(one).toEqual({
        outcome: expect.stringMatching(/^(present|absent)$/),
        distance: expect.any(Number),
      });
    const distances = near.map(({ distance }) => distance);
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
  });

  it('the map as shares of its strongest cell, none of them negative; the whole picture is covered', async () => {
    const explanation = (await evidenceOf('elevated')).findings[0]?.explanation;
    expect(explanation).toMatchObject({
      covers: [0, 0, 1, 1],
      grid: [expect.any(Number), expect.any(Number)],
    });
    const shares = explanation?.shares ?? [];
    expect(shares.length).toBe((explanation?.grid[0] ?? 0) * (explanation?.grid[1] ?? 0));
    expect(Math.max(...shares)).toBe(1);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
  });

  it('each detector by name against its own limit, the steps with their times, the 31 source attributes', async () => {
    const evidence = await evidenceOf('elevated');
    expect(evidence.outOfDistribution.map(({ name }) => name)).toEqual([
      'network',
      'gates',
      'upside down',
      'mirrored',
      'covered',
      'confidence',
    ]);
    expect(evidence.quality.map(({ name }) => name)).toEqual([
      'standard-deviation',
      'mean',
      'saturated',
      'gradient',
      'mirror-correlation',
    ]);
    for (const { value, minimum, maximum } of evidence.quality)
      expect(value >= minimum && value <= maximum).toBe(true);
    for (const { index, falseAlarm } of evidence.outOfDistribution) {
      expect(index).toBeLessThanOrEqual(1);
      expect(falseAlarm).toBeLessThan(0.05);
    }
    expect(evidence.timing.map(({ step }) => step)).toEqual([
      'fetch',
      'decode',
      'preprocess',
      'infer',
      'explain',
      'total',
    ]);
    expect(evidence.sourceAttributes).toHaveLength(31);
    expect(evidence.sourceAttributes.every(({ text }) => text.length > 0)).toBe(true);
    expect([evidence.madeFrom.length > 20, evidence.notFor.length > 20]).toEqual([true, true]);
    expect(evidence.model).toMatchObject({ provider: 'cpu', variant: 'fp32', released: expect.any(String) });
  });

  it('no raw score, no UID and no token is in it', async () => {
    const text = JSON.stringify(await evidenceOf('elevated'));
    expect(text).not.toMatch(/logit|"score"|threshold":-|2\.25\.\d|1\.2\.840\.\d/);
    const { rows } = {
      rows: await app.clinic.database.kysely.selectFrom('assessment_private').selectAll().execute(),
    };
    for (const { result } of rows as { result: { logits: number[] } | null }[])
      for (const logit of result?.logits ?? []) expect(text).not.toContain(String(logit));
  });

  it('of an abstention there is neither number nor map, and the gates say why', async () => {
    const evidence = await evidenceOf('adult');
    expect(evidence.study.state).toBe('abstained');
    expect([evidence.findings, evidence.quality]).toEqual([[], []]);
    expect(evidence.gates.find(({ passed }) => passed === false)).toMatchObject({ gate: 'age' });
    expect(evidence.outOfDistribution).toEqual([]);
  });
});

describe('the same at another share', () => {
  it('moves probability and predictive values, and says that it was asked', async () => {
    const session = app.session('elevated');
    const at = (value: number) =>
      app.tools.prevalence(session, idOf('elevated'), { finding: 'pneumonia', value });
    const [rare, common] = [await at(0.01), await at(0.5)];
    expect(rare).toMatchObject({ prevalence: 0.01, source: 'asked' });
    expect(rare.probability).toBeLessThan(common.probability);
    expect(rare.operatingPoints[1]?.ppv.value).toBeLessThan(common.operatingPoints[1]?.ppv.value ?? 0);
    const own = await at(0.2);
    const evidence = await app.tools.evidence(session, idOf('elevated'));
    expect(own).toEqual({ ...evidence.findings[0]?.here, source: 'asked' });
  });

  it.each([0, 1, -0.1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is no share', async (value) => {
    await expect(
      app.tools.prevalence(app.session('elevated'), idOf('elevated'), { finding: 'pneumonia', value }),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('a finding that the result has not, and an abstention, have none', async () => {
    const asked = { finding: 'constructor', value: 0.5 };
    await expect(
      app.tools.prevalence(app.session('elevated'), idOf('elevated'), asked),
    ).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    await expect(
      app.tools.prevalence(app.session('adult'), idOf('adult'), { finding: 'pneumonia', value: 0.5 }),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

describe('S17 and the rest of access: an assessment is opened by the session’s own studies alone', () => {
  it.each([
    ['of another patient', () => idOf('elevated'), {}],
    ['of another tenant', () => idOf('low'), { tenant: { id: 'other' } }],
    ['that does not exist', () => '7d1f4a52-7c1e-4f0e-9a53-0a4f5c0f9a10', {}],
    ['that is no id', () => '../chart', {}],
  ])('one %s is not found, and a line without ids is logged', async (_what, id, change) => {
    const before = refusals().length;
    const session = app.session('low', change);
    await expect(app.tools.evidence(session, id())).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
    expect(refusals()).toHaveLength(before + 1);
    expect(JSON.stringify(refusals().at(-1))).not.toMatch(/[0-9a-f]{8}-/);
  });

  it.each<[string, () => readonly SpeakingModel[]]>([
    ['is not deployed any more', () => []],
    ['is of another version now', () => [speaking(app.clinic.pkg, { version: '99.0.0' })]],
    ['runs in shadow', () => [speaking(app.clinic.pkg, { state: 'shadow' })]],
  ])('one of a model that %s is not found: nobody answers for it', async (_how, models) => {
    const { evidence } = createAppTools({ ...app.parts, models });
    await expect(evidence(app.session('elevated'), idOf('elevated'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('one whose record was corrected since is not found: it was of another identity', async () => {
    app.stands.push(({ url }, reply) => {
      if (!url.startsWith('/fhir/Patient/low')) return false;
      void reply
        .header('content-type', 'application/fhir+json')
        .send({ resourceType: 'Patient', id: 'low', identifier: [{ value: 'corrected' }] });
      return true;
    });
    await expect(app.tools.evidence(app.session('low'), idOf('low'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    app.stands.length = 0;
  });
});

describe('answers', () => {
  const key = () => crypto.randomUUID();
  const plain = { finding: 'pneumonia', reason: null, outcome: null, comment: null } as const;
  const answer = (more: object, session = app.session('jpeg-2000')) =>
    app.tools.answer(session, idOf('jpeg-2000'), { key: key(), kind: 'agree', ...plain, ...more } as never);

  it('are stored with who, and shown with the study; the same key twice is one answer', async () => {
    const request = { key: key(), comment: 'seen on the ward\n\u0000now' };
    const first = await answer(request);
    expect(first).toMatchObject({
      kind: 'agree',
      by: { name: 'Dr Ruth Hartmann', reference: 'Practitioner/demo' },
      comment: 'seen on the ward\n\ufffdnow',
      replaces: null,
    });
    expect(await answer(request)).toEqual(first);
    const chart = await app.tools.chart(app.session('jpeg-2000'), never);
    expect(chart.studies[0]?.answer?.id).toBe(first.id);
    await expect(answer({ ...request, comment: 'other' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('a new one takes the place of the same person’s on the same finding, of no other’s', async () => {
    const [first, second] = [await answer({}), await answer({ kind: 'disagree', reason: 'absent' })];
    expect(second).toMatchObject({
      replaces: first.id,
      reason: { system: codeSystems.answerReason, code: 'absent' },
    });
    const diagnosis = await answer({ kind: 'final-diagnosis', outcome: 'absent' });
    expect(diagnosis.replaces).toBeNull();
    const other = await answer({}, app.session('jpeg-2000', { user: 'Practitioner/nurse' }));
    expect(other).toMatchObject({ replaces: null, by: { name: 'Jonas Weber' } });
    const { answers } = await evidenceOf('jpeg-2000');
    expect(answers.slice(-4).map(({ id }) => id)).toEqual([first.id, second.id, diagnosis.id, other.id]);
  });

  it.each([
    ['disagreeing without a reason', { kind: 'disagree' }],
    ['a reason that is not of the list', { kind: 'disagree', reason: 'because' }],
    ['a reason with agreeing', { reason: 'absent' }],
    ['a final diagnosis without an outcome', { kind: 'final-diagnosis' }],
    ['an outcome with agreeing', { outcome: 'present' }],
    ['a finding that is not there', { finding: 'fracture' }],
    ['agreeing with nothing', { finding: null }],
    ['a comment of 2,001 characters', { comment: 'x'.repeat(2_001) }],
    ['a key that is no UUID', { key: '1' }],
  ])('%s is refused', async (_what, more) => {
    await expect(answer(more)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('nobody answers an assessment of another patient', async () => {
    await expect(answer({}, app.session('low'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('what the EHR told of the card stands beside them', async () => {
    const { key: studyKey, model } = studies['jpeg-2000'] as AppStudy;
    const card = crypto.randomUUID();
    await createCards(app.clinic.database).issued([
      {
        id: card,
        tenant: app.tenant.id,
        service: 'imaging-assessment',
        userKey: 'u',
        studyKey,
        model: { name: model.name, version: model.version },
        finding: 'pneumonia',
        hookInstance: 'h',
        assessmentId: idOf('jpeg-2000'),
      },
    ]);
    await createFeedback(app.clinic.database).save(app.tenant.id, 'imaging-assessment', [
      {
        card,
        outcome: 'overridden',
        acceptedSuggestions: [],
        overrideReason: { reason: { code: 'known', display: 'Already known' }, userComment: 'seen' },
        outcomeTimestamp: '2026-11-20T10:00:00Z',
      },
    ]);
    expect((await evidenceOf('jpeg-2000')).cardFeedback).toEqual([
      { outcome: 'overridden', reason: 'Already known', comment: 'seen', at: '2026-11-20T10:00:00.000Z' },
    ]);
    expect((await evidenceOf('elevated')).cardFeedback).toEqual([]);

    const source = await openFeedbackExport(app.clinic.database);
    const rows = await feedbackRows(source as FeedbackExport);
    expect(rows.filter((row) => row.source === 'card')).toMatchObject([
      { id: card, assessment: idOf('jpeg-2000'), status: 'final', kind: 'overridden', comment: 'seen' },
    ]);
    expect(rows.filter((row) => row.source === 'app').length).toBeGreaterThan(3);
  });
});
