import { performance } from 'node:perf_hooks';
import { afterEach, describe, expect, it } from 'vitest';
import { resolvePrefetch } from '#cds/prefetch';
import {
  accessToken,
  cdsServer,
  type FhirAnswer,
  type FhirServer,
  fhirAccess,
  outcomeOf,
  patientView,
  startFhirServer,
  type TestServerOptions,
} from '../support/cds-server.ts';

const patient = { resourceType: 'Patient', id: 'p1' };
const condition = (id: string) => ({ resource: { resourceType: 'Condition', id } });
const empty = { resourceType: 'Bundle', type: 'searchset', total: 0 };
const search = 'Condition?patient=p1&_count=2';
const unmet = 'Data that the service needs were neither prefetched nor could they be fetched. Unmet: ';
const outcome = (code: unknown) => ({
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'error', code }],
});

let fhir: FhirServer | null = null;
afterEach(async () => {
  await fhir?.close();
  fhir = null;
});

/** Calls the service with this prefetch; `answers` null: the call gives no access. */
async function call(
  prefetch: unknown,
  answers: Readonly<Record<string, FhirAnswer>> | null = null,
  more: TestServerOptions = {},
) {
  fhir = answers === null ? null : await startFhirServer(answers);
  const { app, seen } = await cdsServer({ ...more, fhirServers: fhir === null ? [] : [fhir.base] });
  const payload = patientView({ prefetch, ...(fhir !== null && fhirAccess(fhir.base)) });
  if (prefetch === undefined) delete payload['prefetch'];
  const answer = await app.inject({ method: 'POST', url: '/cds-services/demo', payload });
  await app.close();
  const outcome = answer.statusCode === 200 ? null : outcomeOf(answer.body);
  return {
    status: answer.statusCode,
    outcome,
    prefetch: seen.requests[0]?.prefetch,
    incomplete: [...(seen.requests[0]?.incomplete ?? [])],
    asked: fhir?.requests ?? [],
    seen,
  };
}

describe('item 10 the five states of a prefetch key', () => {
  it('@28 present: the resource and the Bundle go to the service, nothing is fetched', async () => {
    const conditions = { resourceType: 'Bundle', entry: [condition('c1')] };
    const { status, prefetch, asked } = await call({ patient, conditions }, {});
    expect(status).toBe(200);
    expect(prefetch).toEqual({ patient, conditions });
    expect(asked).toEqual([]);
  });

  it('null: the client has none, which the service sees as null', async () => {
    const { status, prefetch, asked } = await call({ patient, conditions: null }, {});
    expect(status).toBe(200);
    expect(prefetch).toEqual({ patient, conditions: null });
    expect(asked).toEqual([]);
  });

  it('a Bundle without entries: there is none', async () => {
    const { status, prefetch } = await call({ patient, conditions: empty });
    expect(status).toBe(200);
    expect(prefetch).toEqual({ patient, conditions: empty });
  });

  it('@34 @60 @61 absent: fetched from the FHIR server of the call, with its token', async () => {
    const bundle = { ...empty, entry: [condition('c1')] };
    const { status, prefetch, asked } = await call({ patient }, { [search]: { body: bundle } });
    expect(status).toBe(200);
    expect(prefetch).toEqual({ patient, conditions: bundle });
    expect(asked).toEqual([{ path: search, authorization: `Bearer ${accessToken}` }]);
  });

  it('@52 an OperationOutcome: the client failed, and what it may not see is not asked for again', async () => {
    const {
      status,
      outcome: told,
      asked,
    } = await call({ patient: outcome('forbidden'), conditions: empty }, { 'Patient/p1': { body: patient } });
    expect(status).toBe(412);
    expect(told).toEqual({ code: 'PREFETCH_UNMET', text: `${unmet}patient (the client: forbidden).` });
    expect(asked).toEqual([]);
  });

  it.each(['transient', 'timeout', 'throttled', 'lock-error', 'no-store', 'incomplete', 'exception'])(
    '@52 an OperationOutcome that says %s is asked for once more',
    async (code) => {
      const { status, prefetch, asked } = await call(
        { patient: outcome(code), conditions: empty },
        { 'Patient/p1': { body: patient } },
      );
      expect(status).toBe(200);
      expect(prefetch?.['patient']).toEqual(patient);
      expect(asked).toHaveLength(1);
    },
  );

  it('a passing failure of the client without access to its server ends in 412', async () => {
    const { outcome: told } = await call({ patient: outcome('timeout'), conditions: empty });
    expect(told?.text).toBe(`${unmet}patient (the client: timeout).`);
  });

  it.each([
    ['no issue at all', { resourceType: 'OperationOutcome' }],
    ['issues that are no array', { resourceType: 'OperationOutcome', issue: { code: 'timeout' } }],
    ['an issue that is no object', { resourceType: 'OperationOutcome', issue: [null] }],
    ['a code that is no code', outcome('Mr. Miller <b>')],
    ['a code that begins like one', outcome('timeout!')],
    ['a code that ends like one', outcome('!timeout')],
    ['a code that is a number', outcome(5)],
  ])('an OperationOutcome with %s is unknown, and nothing of it is repeated', async (_name, value) => {
    const { outcome: told } = await call({ patient: value, conditions: empty });
    expect(told?.text).toBe(`${unmet}patient (the client: unknown).`);
  });

  it('@52 an error among the entries of a Bundle is a failure as well', async () => {
    const conditions = { ...empty, entry: [condition('c1'), null, { resource: outcome('security') }] };
    const { status, outcome: told } = await call({ patient, conditions });
    expect(status).toBe(412);
    expect(told?.text).toBe(`${unmet}conditions (the client: security).`);
  });

  it.each(['error', 'fatal'])('a Bundle with a %s in it is not used', async (severity) => {
    const entry = [
      {
        resource: {
          resourceType: 'OperationOutcome',
          issue: [
            { severity: 'warning', code: 'invalid' },
            { severity, code: 'deleted' },
          ],
        },
      },
    ];
    const { outcome: told } = await call({ patient, conditions: { ...empty, entry } });
    expect(told?.text).toBe(`${unmet}conditions (the client: deleted).`);
  });

  it('a warning among the entries of a Bundle is none', async () => {
    const entry = [
      { resource: { resourceType: 'OperationOutcome', issue: [{ severity: 'warning', code: 'invalid' }] } },
      condition('c1'),
    ];
    expect((await call({ patient, conditions: { ...empty, entry } })).status).toBe(200);
  });

  it('item 13 the whole prefetch may be absent, or null: everything is fetched', async () => {
    for (const prefetch of [undefined, null]) {
      const { status, asked } = await call(prefetch, {
        'Patient/p1': { body: patient },
        [search]: { body: empty },
      });
      expect(status).toBe(200);
      expect(asked.map(({ path }) => path).sort()).toEqual([search, 'Patient/p1']);
      await fhir?.close();
    }
  });

  it.each(['text', 7, true, [], [patient], {}, { resourceType: '' }, { resourceType: 1 }])(
    'a value %j is refused',
    async (value) => {
      const { status, outcome: told, asked } = await call({ patient: value }, {});
      expect(status).toBe(400);
      expect(told).toEqual({
        code: 'INVALID_REQUEST',
        text: 'The request does not have the form that the interface asks for. prefetch.patient is not a FHIR resource.',
      });
      expect(asked).toEqual([]);
    },
  );

  it('a prefetch that is an array is refused', async () => {
    expect((await call([])).outcome?.text).toMatch(/prefetch is not an object\.$/);
  });

  it.each([
    ['of another type', { resourceType: 'Observation', id: 'p1' }, 'is not a resource of type Patient.'],
    [
      'of another patient',
      { resourceType: 'Patient', id: 'p2' },
      'is another resource than the context names.',
    ],
  ])('a read answered with a resource %s is refused', async (_name, value, text) => {
    const { status, outcome: told } = await call({ patient: value, conditions: null });
    expect(status).toBe(400);
    expect(told?.text).toBe(
      `The request does not have the form that the interface asks for. prefetch.patient ${text}`,
    );
  });

  it('a search answered with a single resource is refused', async () => {
    const { outcome: told } = await call({ patient, conditions: { resourceType: 'Condition' } });
    expect(told?.text).toMatch(/prefetch\.conditions is not a Bundle\.$/);
  });

  it('a resource without id is taken for the one that was asked for', async () => {
    expect((await call({ patient: { resourceType: 'Patient' }, conditions: null })).status).toBe(200);
  });

  it('a key named like a property of every object is absent until it is sent', async () => {
    const resolved = await resolvePrefetch({
      templates: { constructor: 'Patient/{{context.patientId}}' },
      given: {},
      context: { patientId: 'p1' },
      fhirServer: 'https://fhir.example',
      fetch: async () => patient,
      maxPages: 1,
      signal: new AbortController().signal,
    });
    expect(resolved.prefetch['constructor']).toEqual(patient);
  });

  it('what this call cannot have (the practitioner, when the user is a patient) is null', async () => {
    const { app, seen } = await cdsServer();
    const payload = patientView({
      hook: 'encounter-start',
      context: { userId: 'Patient/p1', patientId: 'p1', encounterId: 'e1' },
    });
    expect((await app.inject({ method: 'POST', url: '/cds-services/demo', payload })).statusCode).toBe(200);
    expect(seen.requests[0]?.prefetch).toEqual({ practitioner: null });
    const practitioner = { resourceType: 'Practitioner', id: 'x' };
    await app.inject({
      method: 'POST',
      url: '/cds-services/demo',
      payload: { ...payload, prefetch: { practitioner } },
    });
    expect(seen.requests[1]?.prefetch).toEqual({ practitioner });
  });
});

describe('item 12 @54 what is neither prefetched nor fetchable ends in 412 with an OperationOutcome', () => {
  it('without access', async () => {
    const { status, outcome: told, seen } = await call(undefined);
    expect(status).toBe(412);
    expect(told).toEqual({
      code: 'PREFETCH_UNMET',
      text: `${unmet}patient (not sent, no access), conditions (not sent, no access).`,
    });
    expect(seen.requests).toEqual([]);
    expect(seen.issued).toEqual([]);
  });

  it.each<[string, FhirAnswer, string]>([
    ['that refuses the token', { status: 401, body: {} }, 'FHIR_UNAUTHORIZED'],
    ['that does not have it', { status: 404, body: {} }, 'not found'],
    ['that fails', { status: 500, body: {} }, 'FHIR_UNAVAILABLE'],
    ['that answers with something else', { body: { a: 1 } }, 'FHIR_INVALID_RESPONSE'],
    ['that answers with another type', { body: { resourceType: 'Observation' } }, 'FHIR_INVALID_RESPONSE'],
    [
      'that answers with another patient',
      { body: { resourceType: 'Patient', id: 'p2' } },
      'FHIR_INVALID_RESPONSE',
    ],
    ['that answers with an OperationOutcome', { body: outcome('processing') }, 'FHIR_INVALID_RESPONSE'],
  ])('from a server %s', async (_name, answer, why) => {
    const { status, outcome: told } = await call({ conditions: null }, { 'Patient/p1': answer });
    expect(status).toBe(412);
    expect(told?.text).toBe(`${unmet}patient (${why}).`);
  });

  it('from a server that failed within a search', async () => {
    const body = { ...empty, entry: [{ resource: outcome('processing') }] };
    const { status, outcome: told } = await call({ patient }, { [search]: { body } });
    expect([status, told?.text]).toEqual([412, `${unmet}conditions (the FHIR server: processing).`]);
  });

  it('from a server that does not answer before the deadline, and the deadline holds', async () => {
    const from = performance.now();
    const { status, outcome: told } = await call(
      { conditions: null },
      { 'Patient/p1': { body: patient, delayMs: 20_000 } },
      { options: { deadlineMs: 100 } },
    );
    expect(status).toBe(412);
    expect(told?.text).toBe(`${unmet}patient (DEADLINE_EXCEEDED).`);
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it.each<[string, unknown, string]>([
    ['no resource', { a: 1 }, 'FHIR_INVALID_RESPONSE'],
    ['a resource of another patient', { resourceType: 'Patient', id: 'p2' }, 'FHIR_INVALID_RESPONSE'],
    ['an OperationOutcome', outcome('processing'), 'the FHIR server: processing'],
    ['nothing', null, 'not found'],
  ])('from a port that looks at nothing and gives %s', async (_name, given, why) => {
    const { status, outcome: told } = await call(
      { conditions: null },
      {},
      { ports: { fetchFhir: async () => given } },
    );
    expect([status, told?.text]).toEqual([412, `${unmet}patient (${why}).`]);
  });

  it('a bug in a port is no unmet prefetch: it ends in 500', async () => {
    const broken = { fetchFhir: async () => Promise.reject(new TypeError('secret')) };
    const { status, outcome: told } = await call({ conditions: null }, {}, { ports: broken });
    expect(status).toBe(500);
    expect(told).toEqual({ code: 'INTERNAL', text: 'The service failed.' });
  });

  it('a server named without a token is left to the port to ask', async () => {
    fhir = await startFhirServer({});
    const { app } = await cdsServer({ fhirServers: [fhir.base] });
    const payload = patientView({ prefetch: { conditions: null }, fhirServer: fhir.base });
    const answer = await app.inject({ method: 'POST', url: '/cds-services/demo', payload });
    expect(outcomeOf(answer.body).text).toBe(`${unmet}patient (FHIR_UNAUTHORIZED).`);
    expect(fhir.requests).toEqual([{ path: 'Patient/p1', authorization: undefined }]);
  });
});

it('missing keys are fetched at the same time', async () => {
  const { status } = await call(undefined, {
    'Patient/p1': { body: patient, delayMs: 300 },
    [search]: { body: empty, delayMs: 300 },
  });
  expect(status).toBe(200);
  expect(fhir?.mostAtOnce).toBe(2);
});

describe('item 11 a Bundle with further pages', () => {
  const page = (id: string, next: string | null) => ({
    resourceType: 'Bundle',
    type: 'searchset',
    total: 3,
    link: [{ relation: 'self', url: 'x' }, ...(next === null ? [] : [{ relation: 'next', url: next }])],
    entry: [condition(id)],
  });
  const answers = {
    [search]: { body: page('c1', '{{fhir}}/page?n=2') },
    'page?n=2': { body: page('c2', '{{fhir}}/page?n=3') },
    'page?n=3': { body: page('c3', null) },
  };
  const whole = {
    resourceType: 'Bundle',
    type: 'searchset',
    total: 3,
    link: [{ relation: 'self', url: 'x' }],
    entry: [condition('c1'), condition('c2'), condition('c3')],
  };

  it('that was fetched is read to its end, each page with the token', async () => {
    const { prefetch, incomplete, asked } = await call({ patient }, answers);
    expect(prefetch?.['conditions']).toEqual(whole);
    expect(incomplete).toEqual([]);
    expect(asked).toEqual(
      [search, 'page?n=2', 'page?n=3'].map((path) => ({ path, authorization: `Bearer ${accessToken}` })),
    );
  });

  it('that was prefetched is read to its end, the link below the FHIR base', async () => {
    const { prefetch, asked } = await call({ patient, conditions: page('c1', 'page?n=2') }, answers);
    expect(prefetch?.['conditions']).toEqual(whole);
    expect(asked.map(({ path }) => path)).toEqual(['page?n=2', 'page?n=3']);
  });

  it('is read up to the limit, and then says that it is incomplete', async () => {
    const { status, prefetch, incomplete } = await call(
      { patient, conditions: page('c1', 'page?n=2') },
      answers,
      { options: { maxPages: 2 } },
    );
    expect([status, incomplete]).toEqual([200, ['conditions']]);
    expect(prefetch?.['conditions']).toEqual({
      ...whole,
      link: [
        { relation: 'self', url: 'x' },
        { relation: 'next', url: `${fhir?.base}/page?n=3` },
      ],
      entry: whole.entry.slice(0, 2),
    });
  });

  it('by default ten pages are read', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`page?n=${n}`, { body: page(`c${n}`, `page?n=${n + 1}`) }]),
    );
    const { prefetch, asked } = await call({ patient, conditions: page('c', 'page?n=0') }, many);
    expect(asked).toHaveLength(9);
    expect(prefetch?.['conditions']).toMatchObject({ entry: { length: 10 } });
  });

  it('without access stays as it came and says that it is incomplete', async () => {
    const conditions = page('c1', 'https://fhir.example/page?n=2');
    const { status, prefetch, incomplete } = await call({ patient, conditions });
    expect([status, incomplete]).toEqual([200, ['conditions']]);
    expect(prefetch?.['conditions']).toEqual(conditions);
  });

  it('item 47 whose next link leads to another server is not followed: the token stays', async () => {
    const other = await startFhirServer({});
    const conditions = page('c1', `${other.base}/page?n=2`);
    const { status, prefetch, incomplete, asked } = await call({ patient, conditions }, answers);
    expect([status, incomplete]).toEqual([200, ['conditions']]);
    expect(prefetch?.['conditions']).toEqual(conditions);
    expect(asked).toEqual([]);
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it('is read as far as the bytes of the call reach, over all its pages, and then says that it is incomplete', async () => {
    const bytes = JSON.stringify(answers[search]?.body).length * 2 + 40;
    const { status, prefetch, incomplete } = await call({ patient }, answers, {
      options: { maxFhirBytes: bytes },
    });
    expect([status, incomplete]).toEqual([200, ['conditions']]);
    expect(prefetch?.['conditions']).toMatchObject({ entry: [condition('c1'), condition('c2')] });
  });

  it('whose first page is beyond the bytes of the call is unmet, whichever key has used them', async () => {
    const long = { ...patient, text: 'x'.repeat(1000) };
    const more = { options: { maxFhirBytes: 1000 } };
    const both = await call(undefined, { ...answers, 'Patient/p1': { body: long } }, more);
    expect(both.outcome?.text).toContain('patient (OUTBOUND_TOO_LARGE)');
    const { status, outcome: told } = await call(
      { patient },
      { [search]: { body: { ...empty, id: 'x'.repeat(1000) } } },
      more,
    );
    expect([status, told?.text]).toEqual([412, `${unmet}conditions (OUTBOUND_TOO_LARGE).`]);
  });

  it('whose next page fails keeps what was read and says that it is incomplete', async () => {
    const conditions = page('c1', 'page?n=9');
    const { status, prefetch, incomplete } = await call({ patient, conditions }, answers);
    expect([status, incomplete]).toEqual([200, ['conditions']]);
    expect(prefetch?.['conditions']).toEqual(conditions);
  });

  it('whose next page comes after the deadline keeps what was read and says that it is incomplete', async () => {
    const slow = { ...answers, 'page?n=2': { ...answers['page?n=2'], delayMs: 20_000 } };
    const conditions = page('c1', 'page?n=2');
    const { status, prefetch, incomplete } = await call({ patient, conditions }, slow, {
      options: { deadlineMs: 100 },
    });
    expect([status, incomplete]).toEqual([200, ['conditions']]);
    expect(prefetch?.['conditions']).toEqual(conditions);
  });
});
