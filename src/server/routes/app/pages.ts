import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuthorizationRequest } from '#core/app-ports';
import { asServiceError, ServiceError } from '#core/error';
import type { SmartRegistration } from '#core/tenant';
import { type Html, html, page } from '../../html.ts';
import { stackOf } from '../../log.ts';
import { browserCookie, browserOf, nameBrowser } from './browser.ts';
import { checked } from './checked.ts';
import { appPageHeaders } from './headers.ts';
import type { SmartAppOptions } from './options.ts';

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

/** EHRs may send more than SMART names: the rest is not looked at. */
const LaunchQuery = Type.Object({
  iss: text(2_000),
  launch: Type.Optional(text(4_000)),
  context: Type.Optional(Type.Union([Type.Literal('patient'), Type.Literal('worklist')])),
});

/** Each once: of a value that comes twice nobody knows which one was meant. */
const CallbackQuery = Type.Record(Type.String(), Type.String({ maxLength: 8_000 }));

/** Sends the form of a launch whose EHR wants it by POST. */
const submitScript = 'document.forms[0].submit();\n';

/**
 * The pages of the app: `GET /app/launch`, where an EHR or a person begins, `GET /app/callback`, where the EHR sends the
 * browser back, and `GET /app/l/{launch}/`, the app itself.
 *
 * @see SMART App Launch 2.2 §Launch App
 */
export function appPages(scope: FastifyInstance, options: SmartAppOptions): void {
  const { launches, tools, registrations, base, folder, log } = options;
  const cookie = () => browserCookie(base());

  /** A failure as a page. It shows nothing of anybody, so every EHR that is registered may frame it. */
  const failed = (
    request: FastifyRequest,
    reply: FastifyReply,
    failure: unknown,
    framedBy: readonly SmartRegistration[] = registrations,
  ) => {
    const error = asServiceError(failure);
    const route = request.routeOptions.url ?? 'none';
    if (error.status >= 500)
      log.error({
        event: 'request-failed',
        route,
        method: request.method,
        status: error.status,
        code: error.code,
        stack: stackOf(error.cause ?? error),
      });
    else log.warn({ event: 'app-launch-refused', route, code: error.code });
    return reply.status(error.status).headers(appPageHeaders(framedBy)).send(failurePage(error));
  };

  // A HEAD would begin a launch, or end one.
  scope.get('/app/launch', { exposeHeadRoute: false }, async (request, reply) => {
    let from: readonly SmartRegistration[] = [];
    try {
      const asked: Static<typeof LaunchQuery> = checked(LaunchQuery, request.query);
      from = registrations.filter(({ iss }) => iss === withoutSlash(asked.iss));
      const authorize = await launches.begin({
        browser: nameBrowser(request, reply, cookie()),
        iss: asked.iss,
        launch: asked.launch ?? null,
        context: asked.context ?? 'patient',
      });
      reply.headers(appPageHeaders(from));
      if (authorize.method === 'GET') return await reply.redirect(addressOf(authorize), 303);
      return await reply.send(formPage(authorize));
    } catch (error) {
      return failed(request, reply, error, from);
    }
  });

  scope.get('/app/callback', { exposeHeadRoute: false }, async (request, reply) => {
    try {
      const browser = browserOf(request, cookie());
      if (browser === null) throw new ServiceError('SMART_STATE_INVALID');
      const launch = await launches.finish(browser, checked(CallbackQuery, request.query));
      return await reply.headers(appPageHeaders([])).redirect(`l/${launch}/`, 303);
    } catch (error) {
      return failed(request, reply, error);
    }
  });

  scope.get<{ Params: { launch: string } }>('/app/l/:launch', (request, reply) =>
    reply.redirect(`${encodeURIComponent(request.params.launch)}/`, 303),
  );
  scope.get<{ Params: { launch: string } }>('/app/l/:launch/', async (request, reply) => {
    try {
      const browser = browserOf(request, cookie());
      if (browser === null) throw new ServiceError('SMART_SESSION_ENDED');
      const session = await launches.open(browser, request.params.launch);
      tools.prepare(session);
      const { fhirServer, tenant } = session;
      const own = tenant.smart.filter(({ iss }) => iss === fhirServer);
      return await reply.headers(appPageHeaders(own)).send(await indexPage(folder));
    } catch (error) {
      return failed(request, reply, error);
    }
  });

  scope.get('/app/submit.js', (_request, reply) =>
    reply
      .headers({ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache' })
      .send(submitScript),
  );
}

/** @throws ServiceError NOT_FOUND where the app was not built */
async function indexPage(folder: string): Promise<string> {
  return readFile(path.join(folder, 'index.html'), 'utf8').catch((cause: unknown) => {
    throw new ServiceError('NOT_FOUND', { detail: 'The app is not built: npm run build.', cause });
  });
}

function withoutSlash(iss: string): string {
  return iss.replace(/\/+$/, '');
}

function addressOf({ url, parameters }: AuthorizationRequest): string {
  const address = new URL(url);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address.href;
}

function formPage({ url, parameters }: AuthorizationRequest): string {
  const fields: readonly Html[] = Object.entries(parameters).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return page(
    'Signing in',
    html`<h1>Signing in at the EHR</h1>
<form method="post" action="${url}">${fields}<p><button type="submit">Go on</button></p></form>
<script src="submit.js"></script>`,
  );
}

function failurePage(error: ServiceError): string {
  return page(
    'The app did not open',
    html`<h1>The app did not open</h1>
<p class="notice"><strong>${error.message}</strong></p>
<p>${error.help}</p>
<p class="soft">Code ${error.code}. That no result is shown is not a negative result.</p>`,
  );
}
