import { createReadStream } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { Addresses } from './addresses.ts';
import type { CaseStudy, SandboxCase } from './case-file.ts';
import type { CdsCaller } from './cds-caller.ts';
import { nameOf, studyIdOf } from './fhir-records.ts';
import type { ImageArchive } from './image-archive.ts';
import { outcomeOf, sendFhir } from './outcome.ts';
import { finalReportOf } from './reports.ts';
import { contextOf } from './smart/context.ts';
import type { Launches } from './smart/launches.ts';
import { ownRecordOf, userOf, usersOf } from './smart/users.ts';
import { fullNameOf, practitioner } from './staff.ts';

const Id = Type.String({ minLength: 1, maxLength: 200 });
const HookBody = Type.Object({
  service: Id,
  hook: Id,
  patientId: Id,
  userId: Type.String({
    pattern: '^(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9.-]{1,64}$',
  }),
  prefetch: Type.Optional(Type.Boolean({ default: true })),
});
const FeedbackBody = Type.Object({
  service: Id,
  feedback: Type.Array(Type.Object({}, { additionalProperties: true }), { minItems: 1, maxItems: 50 }),
});
const Words = Type.String({ minLength: 1, maxLength: 4000 });
const LaunchBody = Type.Object({
  /** Absent: no chart is open, the app shows a list. */
  patientId: Type.Optional(Id),
  user: Type.String({ pattern: '^(Practitioner|Patient)/[A-Za-z0-9.-]{1,64}$' }),
  encounter: Type.Optional(Id),
  appContext: Type.Optional(Words),
  intent: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  /** Launch address of the app; absent: Fovea's. */
  url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
  /** Beside the app the EHR shows who the patient is, as around a frame in the chart. */
  bannerShown: Type.Optional(Type.Boolean()),
  /** How the chart looks at the moment; absent: light. */
  colorScheme: Type.Optional(Type.Union([Type.Literal('light'), Type.Literal('dark')])),
});

/**
 * What the chart page asks its own back end: the patient list, the charts, the pictures, calls to CDS services, and
 * launches of apps.
 */
export function ehrRoutes(
  app: FastifyInstance,
  options: {
    readonly cases: readonly SandboxCase[];
    readonly archive: ImageArchive;
    readonly caller: CdsCaller;
    readonly addresses: Addresses;
    readonly launches: Launches;
    /** Launch addresses of the apps that this EHR knows; the first is Fovea's. */
    readonly apps: readonly [string, ...string[]];
  },
): void {
  const { cases, archive, caller, addresses, launches, apps } = options;
  const notFound = outcomeOf('not-found', 'The sandbox has no such patient or picture.');

  app.get('/patients', () => ({
    patients: cases.map((one) => ({ ...one.patient, name: nameOf(one.patient), case: caseOf(one) })),
  }));

  app.get<{ Params: { id: string } }>('/patients/:id', (request, reply) => {
    const one = cases.find(({ patient }) => patient.id === request.params.id);
    if (one === undefined) return sendFhir(reply, 404, notFound);
    return reply.send({
      patient: { ...one.patient, name: nameOf(one.patient) },
      case: caseOf(one),
      problems: ['Cough'],
      referrer: fullNameOf(practitioner),
      studies: one.studies.map((study, index) => ({
        ...studyFacts(study, one, addresses),
        report: finalReportOf(studyIdOf(one.patient, index)),
      })),
    });
  });

  app.get<{ Params: { instance: string } }>('/previews/:instance', (request, reply) => {
    const held = archive.instances.find(
      ({ instance }) => instance.sopInstanceUid === request.params.instance,
    );
    if (held === undefined) return sendFhir(reply, 404, notFound);
    return reply
      .header('content-type', 'image/png')
      .header('cache-control', 'private, max-age=3600')
      .send(createReadStream(held.preview));
  });

  app.get('/users', () => ({ users: usersOf(cases) }));

  /** A launch of an app by the EHR: whoever opens the address is the user of the chart page. */
  app.post<{ Body: Static<typeof LaunchBody> }>(
    '/launches',
    { schema: { body: LaunchBody } },
    (request, reply) => {
      const { patientId, user, encounter, appContext = null, intent = null } = request.body;
      const { url = apps[0], bannerShown = false, colorScheme = 'light' } = request.body;
      const one = cases.find(({ patient }) => patient.id === patientId) ?? null;
      if (userOf(cases, user) === null || (patientId !== undefined && one === null))
        return sendFhir(reply, 404, outcomeOf('not-found', 'The sandbox has no such user or patient.'));
      const own = ownRecordOf(user);
      if (own !== null && own !== patientId)
        return sendFhir(reply, 403, outcomeOf('forbidden', 'A patient opens the own record only.'));
      if (encounter !== undefined && encounter !== one?.patient.id)
        return sendFhir(reply, 404, outcomeOf('not-found', 'This patient has no such visit.'));
      if (!apps.includes(url))
        return sendFhir(reply, 403, outcomeOf('forbidden', 'No app is registered at this launch address.'));
      const launch = launches.issue(contextOf(one, { user, appContext, intent, bannerShown, colorScheme }));
      const address = new URL(url);
      address.searchParams.set('iss', addresses.fhirServer);
      address.searchParams.set('launch', launch);
      return reply.code(201).send({
        launch,
        iss: addresses.fhirServer,
        address: address.href,
        expiresInSeconds: launches.lifetimeSeconds,
      });
    },
  );

  app.get('/services', () => caller.discover());
  app.post<{ Body: Static<typeof HookBody> }>('/hooks', { schema: { body: HookBody } }, (request) =>
    caller.callHook({ ...request.body, prefetch: request.body.prefetch ?? true }),
  );
  app.post<{ Body: Static<typeof FeedbackBody> }>(
    '/feedback',
    { schema: { body: FeedbackBody } },
    (request) => caller.sendFeedback(request.body.service, request.body.feedback),
  );
}

function caseOf({ id, title, expected }: SandboxCase) {
  return { id, title, expected };
}

function studyFacts(study: CaseStudy, one: SandboxCase, addresses: Addresses) {
  const { series, ...facts } = study;
  return {
    ...facts,
    archive: addresses.dicomWeb[one.endpoint],
    images: series.flatMap(({ instances }) =>
      instances.map(({ sopInstanceUid }) => ({ sopInstanceUid, preview: `ehr/previews/${sopInstanceUid}` })),
    ),
  };
}
