import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppAnswerRequest, AppOpened } from '#core/app';
import type { AppSession } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { isPractitioner } from '#core/hook-tools';
import { browserCookie, browserOf } from './browser.ts';
import { checked } from './checked.ts';
import { eventStream } from './events.ts';
import type { SmartAppOptions } from './options.ts';
import { refuseForeignPages } from './same-origin.ts';

const closed = { additionalProperties: false } as const;
const key = Type.String({ minLength: 1, maxLength: 300 });
const nullable = (maxLength: number) => Type.Union([Type.String({ maxLength }), Type.Null()]);

const Answer = Type.Object(
  {
    key: Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }),
    kind: Type.Union(
      (['agree', 'disagree', 'not-relevant', 'final-diagnosis', 'acknowledge'] as const).map((kind) =>
        Type.Literal(kind),
      ),
    ),
    finding: nullable(200),
    reason: nullable(200),
    outcome: Type.Union([Type.Literal('present'), Type.Literal('absent'), Type.Null()]),
    comment: nullable(2_000),
  },
  closed,
);
const Open = Type.Object({ patientKey: key }, closed);
const Prevalence = Type.Object(
  { finding: key, value: Type.String({ pattern: '^[0-9.eE+-]{1,40}$' }) },
  closed,
);
const Assessment = Type.Object({ launch: key, assessment: key }, closed);
const Study = Type.Object({ launch: key, study: key }, closed);
const Picture = Type.Object({ launch: key, study: key, series: key, instance: key }, closed);
const Frame = Type.Object(
  { ...Picture.properties, frame: Type.String({ pattern: '^[1-9][0-9]{0,6}$' }) },
  closed,
);

/** Largest body of a write, bytes: a comment of 2,000 characters, however it is escaped. */
const bodyLimit = 16_384;
/** Between two comment lines of an event stream, milliseconds. */
const defaultHeartbeatMs = 15_000;
/** Event streams of one browser at a time: one for each tab. Each costs a look at its studies every few seconds. */
const mostStreams = 32;
/** When to ask again for a stream that was refused, seconds. */
const streamRetrySeconds = 30;

/** The interface of the app below `/api/launches/{launch}`. @see core/app.ts */
export function appApi(scope: FastifyInstance, options: SmartAppOptions): void {
  const { launches, tools, base, heartbeatMs = defaultHeartbeatMs } = options;
  const callers = new WeakMap<FastifyRequest, { readonly browser: string; readonly session: AppSession }>();
  const streams = new Map<AbortController, { readonly browser: string; readonly launch: string }>();

  scope.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      vary: 'cookie',
    });
    refuseForeignPages(request, base());
  });
  scope.addHook('preClose', async () => {
    for (const stream of streams.keys()) stream.abort();
  });

  const browserAt = (request: FastifyRequest): string => {
    const browser = browserOf(request, browserCookie(base()));
    if (browser === null) throw new ServiceError('SMART_SESSION_ENDED');
    return browser;
  };
  const callerOf = (request: FastifyRequest) =>
    callers.get(request) as { readonly browser: string; readonly session: AppSession };
  const sessionOf = (request: FastifyRequest) => callerOf(request).session;

  /** Before a body is read: the launch is this browser's, and has not ended. */
  const signedIn = async (request: FastifyRequest) => {
    const browser = browserAt(request);
    const { launch } = request.params as { readonly launch: string };
    callers.set(request, { browser, session: await launches.open(browser, launch) });
  };
  /** Results, records and pictures are for clinicians: nobody else gets further than the first address. */
  const clinician = async (request: FastifyRequest) => {
    await signedIn(request);
    if (!isPractitioner(sessionOf(request).user.reference))
      throw new ServiceError('CLIENT_FORBIDDEN', { detail: 'Results are shown to clinicians only.' });
  };
  const read = { onRequest: clinician };

  scope.get('/', { onRequest: signedIn }, (request) => tools.context(sessionOf(request)));
  scope.delete<{ Params: { launch: string } }>('/', async (request, reply) => {
    const browser = browserAt(request);
    await launches.end(browser, request.params.launch);
    // Every launch of the sign-in has ended with it.
    for (const [stream, of] of [...streams])
      if (of.browser === browser && (await launches.endsAt(browser, of.launch)) === null) stream.abort();
    return reply.status(204).send();
  });

  scope.get('/chart', read, (request) => tools.chart(sessionOf(request), request.signal));
  scope.get('/chart/events', read, (request, reply) => {
    const { browser, session } = callerOf(request);
    const open = [...streams.values()].filter((of) => of.browser === browser).length;
    if (open >= mostStreams) throw new ServiceError('OVERLOADED', { retryAfter: streamRetrySeconds });
    const stop = new AbortController();
    streams.set(stop, { browser, launch: session.launch });
    const stream = eventStream({
      studies: (signal) => tools.changes(session, signal),
      endsAt: () => launches.endsAt(browser, session.launch),
      heartbeatMs,
      stop: stop.signal,
    });
    stream.once('close', () => streams.delete(stop));
    return reply
      .headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      .send(stream);
  });

  scope.get('/assessments/:assessment', read, (request) =>
    tools.evidence(sessionOf(request), checked(Assessment, request.params).assessment),
  );
  scope.get('/assessments/:assessment/prevalence', read, (request) => {
    const { finding, value } = checked(Prevalence, request.query);
    const share = Number(value);
    if (!(share > 0 && share < 1))
      throw new ServiceError('INVALID_REQUEST', { detail: '/value: Expected a share between 0 and 1.' });
    const { assessment } = checked(Assessment, request.params);
    return tools.prevalence(sessionOf(request), assessment, { finding, value: share });
  });
  scope.get('/answer-reasons', read, async () => tools.answerReasons());
  scope.post('/assessments/:assessment/answers', { ...read, bodyLimit }, async (request, reply) => {
    const answer: AppAnswerRequest = checked(Answer, request.body);
    const { assessment } = checked(Assessment, request.params);
    return reply.status(201).send(await tools.answer(sessionOf(request), assessment, answer));
  });

  scope.get('/studies/:study/pictures', read, (request) =>
    tools.pictures(sessionOf(request), checked(Study, request.params).study, request.signal),
  );
  scope.get('/studies/:study/pictures/:series/:instance', read, (request) =>
    tools.picture(sessionOf(request), placeOf(checked(Picture, request.params)), request.signal),
  );
  scope.get('/studies/:study/pictures/:series/:instance/frames/:frame', read, async (request, reply) => {
    const at = checked(Frame, request.params);
    const { transferSyntax, bytes } = await tools.frame(
      sessionOf(request),
      { ...placeOf(at), frame: Number(at.frame) },
      request.signal,
    );
    return sendFrame(reply, transferSyntax, bytes);
  });

  scope.get('/worklist', read, (request) => tools.worklist(sessionOf(request), request.signal));
  scope.post('/open', { ...read, bodyLimit }, async (request, reply) => {
    const { browser, session } = callerOf(request);
    const { patientKey } = checked(Open, request.body);
    const patientId = await tools.patientOf(session, patientKey);
    const launch = await launches.openPatient(session, browser, patientId);
    const opened: AppOpened = { launch, location: `../../../app/l/${launch}/` };
    return reply.status(201).send(opened);
  });
}

function placeOf({ study, series, instance }: Static<typeof Picture>) {
  return { study, series, instance };
}

function sendFrame(reply: FastifyReply, transferSyntax: string, bytes: Uint8Array): FastifyReply {
  return reply
    .headers({
      'content-type': `application/octet-stream; transfer-syntax=${transferSyntax}`,
      'x-transfer-syntax': transferSyntax,
    })
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
