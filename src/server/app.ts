import httpProxy from '@fastify/http-proxy';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import { toErrorReply } from '#cds/operation-outcome';
import { type CdsHooksOptions, cdsHooks } from '#cds/plugin';
import { ServiceError } from '#core/error';
import type { HookTools } from '#core/hook-tools';
import { codeSystems } from '#core/identifiers';
import type { Log } from '#core/log';
import { answerClientError } from './client-error.ts';
import { html, page, pageHeaders } from './html.ts';
import { stackOf } from './log.ts';
import type { SmartAppOptions } from './routes/app/options.ts';
import { smartApp } from './routes/app/smart-app.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { type SourceAttributeRecord, sourceAttributeRoutes } from './routes/source-attributes.ts';

export interface AppOptions<Client> {
  readonly cds: Omit<CdsHooksOptions<Client, HookTools>, 'reasonSystem'>;
  readonly log: Log;
  readonly bodyLimit: number;
  /** CIDRs of proxies whose X-Forwarded-* headers are believed. */
  readonly trustProxy: readonly string[];
  readonly metrics: Registry;
  readonly readiness: () => Promise<Readiness>;
  readonly records: () => readonly SourceAttributeRecord[];
  readonly sandbox: {
    /** Origin of the sandbox's own server, e.g. `http://127.0.0.1:40123`; asked at each call. */
    readonly origin: () => string;
  } | null;
  /** null: no tenant has registered the SMART app at its EHR, and nothing of it is there. */
  readonly smart: Omit<SmartAppOptions, 'log'> | null;
}

/** The HTTP service: every route, one error handler. Does not listen yet. */
export async function createApp<Client>(options: AppOptions<Client>): Promise<FastifyInstance> {
  const app = fastify({
    // An address that is not one is answered like every other failure, and not repeated.
    frameworkErrors: (error, _request, answer) => {
      const { status, body } = toErrorReply(error, codeSystems.reason);
      const reply: FastifyReply = answer;
      reply.status(status).type('application/fhir+json').send(JSON.stringify(body));
    },
    clientErrorHandler: answerClientError,
    bodyLimit: options.bodyLimit,
    // Keys of studies and pictures stand in addresses.
    routerOptions: { maxParamLength: 512 },
    trustProxy: options.trustProxy.length > 0 ? [...options.trustProxy] : false,
    // Slow senders and idle sockets are closed; a hook's answer itself has its own deadline.
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    // Said in our own form instead, below.
    return503OnClosing: false,
    logger: false,
  });
  app.setErrorHandler((error, request, reply) => {
    const { status, headers, body } = toErrorReply(error, codeSystems.reason);
    if (status >= 500) {
      options.log.error({
        event: 'request-failed',
        route: request.routeOptions.url ?? 'none',
        method: request.method,
        status,
        ...(error instanceof ServiceError && { code: error.code }),
        stack: stackOf(error instanceof ServiceError ? (error.cause ?? error) : error),
      });
    }
    return reply.status(status).headers(headers).type('application/fhir+json').send(body);
  });
  app.setNotFoundHandler(() => {
    throw new ServiceError('NOT_FOUND');
  });
  const state = { stopping: false };
  app.addHook('preClose', async () => {
    state.stopping = true;
  });
  app.addHook('onRequest', (_request, _reply, done) =>
    done(state.stopping ? new ServiceError('SERVICE_STOPPING') : undefined),
  );
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });

  await app.register(cdsHooks, { ...options.cds, reasonSystem: codeSystems.reason });
  healthRoutes(app, options.readiness, options.metrics);
  sourceAttributeRoutes(
    app,
    options.cds.services.map((service) => service.id),
    options.records,
  );
  if (options.smart !== null) await smartApp(app, { ...options.smart, log: options.log });
  if (options.sandbox === null) {
    app.get('/', (_request, reply) => reply.headers(pageHeaders).send(homePage));
  } else {
    const { origin } = options.sandbox;
    app.get('/', (_request, reply) => reply.redirect('sandbox/'));
    await app.register(async (proxy) => {
      // Bodies pass as they come: one that was read would be sent on with two lengths where it came in chunks.
      proxy.removeContentTypeParser('text/plain');
      await proxy.register(httpProxy, {
        upstream: '',
        prefix: '/sandbox',
        rewritePrefix: '/sandbox',
        http: { requestOptions: { timeout: 30_000 } },
        replyOptions: {
          getUpstream: origin,
          rewriteRequestHeaders({ body, ip }, headers) {
            const { 'content-length': _length, 'transfer-encoding': _coding, ...unframed } = headers;
            return {
              // A body that is not passed on, of a GET, has no length: the next caller's request would count as it.
              ...(body === undefined ? unframed : headers),
              // Whose call it is: the sandbox serves loopback callers without a token, and no others.
              'x-forwarded-for': ip,
            };
          },
        },
      });
    });
  }
  return app;
}

const homePage = page(
  'Fovea',
  html`<h1>Fovea</h1>
<p>Imaging AI inside the clinician’s workflow. This is a CDS Hooks service: an EHR calls it.</p>
<p>Services: <a href="cds-services">/cds-services</a>. State: <a href="readyz">/readyz</a>.</p>
<p class="notice">No card is not a negative: a study may be unread, outside of what the models were made for, or low.</p>`,
);
