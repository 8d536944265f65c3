import { createReadStream } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance } from 'fastify';
import type { Addresses } from './addresses.ts';
import type { CaseStudy, SandboxCase } from './case-file.ts';
import type { CdsCaller } from './cds-caller.ts';
import { nameOf, practitioner } from './fhir-records.ts';
import type { ImageArchive } from './image-archive.ts';
import { outcomeOf, sendFhir } from './outcome.ts';

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

/** What the chart page asks its own back end: the patient list, the charts, the pictures, and calls to CDS services. */
export function ehrRoutes(
  app: FastifyInstance,
  options: {
    readonly cases: readonly SandboxCase[];
    readonly archive: ImageArchive;
    readonly caller: CdsCaller;
    readonly addresses: Addresses;
  },
): void {
  const { cases, archive, caller, addresses } = options;
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
      referrer: `${practitioner.name?.[0]?.prefix?.[0]} ${practitioner.name?.[0]?.given?.[0]} ${practitioner.name?.[0]?.family}`,
      studies: one.studies.map((study) => studyFacts(study, one, addresses)),
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
