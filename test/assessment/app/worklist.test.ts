import type { Patient, PractitionerRole, Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AppClinic, never, openAppClinic } from '../../support/app-clinic.ts';

let app: AppClinic;
beforeAll(async () => {
  app = await openAppClinic((): readonly Resource[] => [
    {
      resourceType: 'Patient',
      id: 'nobody',
      name: [{ use: 'official', prefix: ['Dr'], given: ['Ada', '\u202eB'], family: '<script>x</script>' }],
      identifier: [{ use: 'temp', value: 'T' }, { value: 'second' }, { use: 'usual', value: 'first' }],
    } satisfies Patient,
  ]);
  for (const one of ['elevated', 'low', 'indeterminate', 'adult'])
    await app.tools.chart(app.session(one), never);
  await app.work();
}, 240_000);
afterAll(() => app?.close());
afterEach(() => {
  app.stands.length = 0;
});

const refusals = () => app.logged.filter(({ event }) => event === 'app-access-refused').length;
const assessmentOf = async (patient: string): Promise<string> => {
  const { studies } = await app.tools.chart(app.session(patient), never);
  return studies[0]?.assessment as string;
};

describe('the worklist', () => {
  it('elevated and unanswered first, then indeterminate, pending, the others; nothing is enqueued', async () => {
    await app.tools.chart(app.session('rle'), never);
    const before = await app.clinic.jobs();
    const { entries, incomplete, notAssessed } = await app.tools.worklist(app.session(null), never);
    const told = entries.map(({ study }) => study.findings[0]?.band ?? study.state);
    expect(told).toEqual(['elevated', 'indeterminate', 'pending', expect.anything(), expect.anything()]);
    expect(new Set(told.slice(3))).toEqual(new Set(['low', 'abstained']));
    expect([incomplete, notAssessed > 5]).toEqual([false, true]);
    expect(await app.clinic.jobs()).toEqual(before);
  });

  it('an answer moves its study down and says by whom it was given', async () => {
    await app.tools.answer(
      app.session('elevated', { user: 'Practitioner/nurse' }),
      await assessmentOf('elevated'),
      {
        key: crypto.randomUUID(),
        kind: 'acknowledge',
        finding: null,
        reason: null,
        outcome: null,
        comment: null,
      },
    );
    const { entries } = await app.tools.worklist(app.session(null), never);
    expect(entries[0]?.study.findings[0]?.band).toBe('indeterminate');
    const answered = entries.find(({ study }) => study.findings[0]?.band === 'elevated');
    expect(answered?.study.answer).toMatchObject({ kind: 'acknowledge', by: { name: 'Jonas Weber' } });
  });

  it('on the list itself an assessment is acknowledged, and nothing else is said of it', async () => {
    const session = app.session(null, { user: 'Practitioner/nurse' });
    const acknowledged = {
      key: crypto.randomUUID(),
      kind: 'acknowledge',
      finding: null,
      reason: null,
      outcome: null,
      comment: null,
    } as const;
    const assessment = await assessmentOf('low');
    await app.tools.answer(session, assessment, acknowledged);
    const { entries } = await app.tools.worklist(session, never);
    expect(entries.find(({ study }) => study.assessment === assessment)?.study.answer).toMatchObject({
      kind: 'acknowledge',
      by: { name: 'Jonas Weber' },
    });
    const agree = { ...acknowledged, key: crypto.randomUUID(), kind: 'agree', finding: 'pneumonia' } as const;
    await expect(app.tools.answer(session, assessment, agree)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    const before = refusals();
    await expect(app.tools.answer(session, crypto.randomUUID(), acknowledged)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const portal = app.session(null, { user: 'Patient/low' });
    await expect(app.tools.answer(portal, assessment, acknowledged)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(refusals()).toBe(before + 2);
  });

  it('a key opens its own patient, within this EHR’s answers alone', async () => {
    const session = app.session(null);
    const { entries } = await app.tools.worklist(session, never);
    const opened = await Promise.all(
      entries.map(({ patientKey }) => app.tools.patientOf(session, patientKey)),
    );
    expect(new Set(opened)).toEqual(new Set(['elevated', 'low', 'indeterminate', 'adult', 'rle']));
    expect(JSON.stringify(entries)).not.toMatch(/2\.25\.\d/);
    const before = refusals();
    await expect(app.tools.patientOf(session, 'a'.repeat(32))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(refusals()).toBe(before + 1);
  });

  it('those whom the EHR does not name are not there, whatever the store holds', async () => {
    app.stands.push(({ url }, reply) => {
      if (!url.startsWith('/fhir/ImagingStudy?started')) return false;
      void reply
        .header('content-type', 'application/fhir+json')
        .send({ resourceType: 'Bundle', type: 'searchset', entry: [] });
      return true;
    });
    expect((await app.tools.worklist(app.session(null), never)).entries).toEqual([]);
  });

  it('a launch with a patient, and a patient who launches, have none', async () => {
    for (const session of [app.session('low'), app.session(null, { user: 'Patient/low' })])
      await expect(app.tools.worklist(session, never)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('FHIR 429 is told with the time to wait', async () => {
    app.stands.push(({ url }, reply) => {
      if (!url.startsWith('/fhir/ImagingStudy')) return false;
      void reply.code(429).header('retry-after', '9').send({});
      return true;
    });
    await expect(app.tools.worklist(app.session(null), never)).rejects.toMatchObject({
      code: 'FHIR_UNAVAILABLE',
      retryAfter: 9,
    });
  });
});

describe('the context of a launch', () => {
  it('user, patient and where the app opens', async () => {
    const id = await assessmentOf('low');
    const session = app.session('low', {
      grant: {
        appContext: JSON.stringify({ assessment: id }),
        fhirContext: [{ reference: `${app.fhirServer}/ImagingStudy/low-1`, role: null }],
        intent: 'review',
      },
    });
    const { studies } = await app.tools.chart(session, never);
    expect(await app.tools.context(session)).toMatchObject({
      user: { name: 'Dr Ruth Hartmann', reference: 'Practitioner/demo' },
      patient: { birthDate: expect.any(String), identifiers: [expect.any(String)] },
      focus: { assessment: id, study: studies[0]?.key },
      mayAnswer: true,
      sandbox: false,
      intent: 'review',
      style: null,
    });
  });

  it('a focus of another patient is dropped and logged', async () => {
    const session = app.session('low', {
      grant: {
        appContext: JSON.stringify({ assessment: await assessmentOf('elevated') }),
        fhirContext: [{ reference: 'ImagingStudy/elevated-1', role: null }],
      },
    });
    const before = refusals();
    expect((await app.tools.context(session)).focus).toEqual({ assessment: null, study: null });
    expect(refusals()).toBe(before + 2);
  });

  it.each(['{', '[]', 'null', '{"assessment":1}', '{"assessment":"x"}', '"'.repeat(5_000)])(
    'the app context %j opens nothing',
    async (appContext) => {
      const session = app.session('low', { grant: { appContext } });
      expect((await app.tools.context(session)).focus.assessment).toBeNull();
    },
  );

  it('hostile names are one line of text; temporary identifiers are left out, the usual one comes first', async () => {
    expect((await app.tools.context(app.session('nobody'))).patient).toEqual({
      name: 'Dr Ada B <script>x</script>',
      birthDate: null,
      sex: null,
      identifiers: ['first', 'second'],
    });
  });

  it('a role is read with who holds it; an EHR that tells nothing names nobody', async () => {
    app.stands.push(({ url }, reply) => {
      if (!url.startsWith('/fhir/PractitionerRole/')) return false;
      void reply.header('content-type', 'application/fhir+json').send({
        resourceType: 'PractitionerRole',
        id: 'r1',
        practitioner: { reference: 'Practitioner/nurse' },
        code: [{ text: 'Nurse' }],
      } satisfies PractitionerRole);
      return true;
    });
    const session = app.session('low', { user: 'PractitionerRole/r1' });
    expect((await app.tools.context(session)).user).toEqual({
      name: 'Jonas Weber',
      reference: 'PractitionerRole/r1',
    });
    await app.tools.answer(session, await assessmentOf('low'), {
      key: crypto.randomUUID(),
      kind: 'agree',
      finding: 'pneumonia',
      reason: null,
      outcome: null,
      comment: null,
    });
    const { rows } = await sql<{ by_role: string }>`
      select by_role from answers where by_reference = 'PractitionerRole/r1'`.execute(
      app.clinic.database.kysely,
    );
    expect(rows).toEqual([{ by_role: 'Nurse' }]);
    app.stands.length = 0;
    const unknown = await app.tools.context(app.session('low', { user: 'Practitioner/gone' }));
    expect(unknown.user.name).toBeNull();
  });

  it('to a patient nothing is told but whose launch it is', async () => {
    const context = await app.tools.context(app.session('low', { user: 'Patient/low' }));
    expect(context).toMatchObject({ mayAnswer: false, patient: null });
  });
});

describe('the style of the EHR', () => {
  const styled = async (body: unknown, url = `${app.base}/style.json`) => {
    app.stands.push((request, reply) => {
      if (!request.url.startsWith('/style')) return false;
      void reply.header('content-type', 'application/json').send(body);
      return true;
    });
    const { style } = await app.tools.context(app.session('low', { grant: { styleUrl: url } }));
    return style;
  };

  it('what is a colour, a size or a font is taken, anything else is not', async () => {
    expect(
      await styled({
        color_background: '#EDEAe3',
        color_error: '#9e2',
        color_highlight: 'red;background:url(https://evil.example)',
        color_text: 'expression(1)',
        dim_border_radius: '6px',
        font_family_body: "Georgia, 'Times New Roman', serif",
        font_family_heading: 'x;}body{display:none',
      }),
    ).toEqual({
      backgroundColor: '#edeae3',
      errorColor: '#99ee22',
      highlightColor: null,
      modalBackdropColor: null,
      successColor: null,
      textColor: null,
      borderRadiusPixels: 6,
      bodyFontFamily: "Georgia, 'Times New Roman', serif",
      headingFontFamily: null,
    });
  });

  it.each([
    ['https://evil.example/style.json', 'HOST_NOT_ALLOWED'],
    ['http://169.254.169.254/latest', 'HOST_NOT_ALLOWED'],
    ['file:///etc/passwd', 'HOST_NOT_ALLOWED'],
  ])('one at %s is not fetched', async (url, code) => {
    expect(await styled({}, url)).toBeNull();
    expect(app.logged.at(-1)).toMatchObject({ event: 'app-style-unread', code });
  });

  it('one that is no JSON is none', async () => {
    expect(await styled('{', `${app.base}/style-broken.json`)).toBeNull();
  });
});
