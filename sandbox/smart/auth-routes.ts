import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction, Provider } from 'oidc-provider';
import type { Addresses } from '../addresses.ts';
import type { SandboxCase } from '../case-file.ts';
import { clientNameOf } from './clients.ts';
import { contextOf, type LaunchContext } from './context.ts';
import {
  consentPage,
  errorPage,
  type Page,
  patientPage,
  signInStyle,
  stylePathOf,
  userPage,
} from './pages.ts';
import { grantedScopes, wantsPatient } from './scopes.ts';
import type { SmartServer } from './server.ts';
import { ownRecordOf, type SandboxUser, userOf, usersOf } from './users.ts';

type Choice = Readonly<Partial<Record<'user' | 'patient' | 'decision', string>>>;

/**
 * The authorization server: its endpoints, and the pages of a standalone launch. They need no script; what has been
 * chosen stands in the address until the last step.
 */
export function authRoutes(
  app: FastifyInstance,
  options: {
    readonly smart: SmartServer;
    readonly addresses: Addresses;
    readonly cases: readonly SandboxCase[];
  },
): void {
  const { smart, addresses, cases } = options;
  const style = stylePathOf(addresses.issuer);
  const ended = errorPage(style, 'this sign-in has ended');

  app.get('/sign-in.css', (_request, reply) =>
    reply.type('text/css; charset=utf-8').header('cache-control', 'max-age=3600').send(signInStyle),
  );

  app.register(async (pages) => {
    pages.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 10_000 },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    pages.get<{ Querystring: Choice }>('/interaction/:uid', async (request, reply) => {
      const { provider } = await smart.open();
      const interaction = await interactionOf(provider, request, reply);
      return sendPage(
        reply,
        interaction === null ? ended : nextPage(style, interaction, request.query, cases),
        interaction === null ? 400 : 200,
      );
    });
    pages.post<{ Body: Choice }>('/interaction/:uid', async (request, reply) => {
      const { provider, grant } = await smart.open();
      const interaction = await interactionOf(provider, request, reply);
      if (interaction === null) return sendPage(reply, ended, 400);
      const chosen = chosenBy(interaction, request.body ?? {}, cases);
      if (!chosen.complete) return reply.redirect('?', 303);
      const { context } = chosen;
      const agreed = request.body.decision === 'allow';
      const result = agreed
        ? {
            login: { accountId: context.user, remember: false },
            consent: { grantId: await grant(chosen.clientId, chosen.scopes, context) },
          }
        : { error: 'access_denied', error_description: 'the user did not agree' };
      return reply.redirect(
        await provider.interactionResult(publicly(request, app.prefix, addresses), reply.raw, result),
        303,
      );
    });
  });

  app.register(async (endpoints) => {
    // The library reads the bodies itself.
    endpoints.removeAllContentTypeParsers();
    endpoints.addContentTypeParser('*', (_request, _body, done) => done(null));
    endpoints.all('/*', async (request, reply) => {
      const { handle } = await smart.open();
      reply.hijack();
      await handle(publicly(request, app.prefix, addresses), reply.raw);
    });
  });
}

/**
 * The raw request as it was sent to the public address: the library makes addresses and cookie paths from it, and
 * this server stands behind a proxy.
 *
 * @param prefix of these routes on this server
 */
function publicly(request: FastifyRequest, prefix: string, { issuer }: Addresses): IncomingMessage {
  const { protocol, host, pathname } = new URL(issuer);
  const raw = request.raw as IncomingMessage & { originalUrl?: string };
  const inside = (raw.url ?? '').slice(prefix.length);
  Object.assign(raw.headers, {
    host,
    'x-forwarded-host': host,
    'x-forwarded-proto': protocol.slice(0, -1),
  });
  raw.originalUrl = pathname + inside;
  raw.url = inside;
  return raw;
}

/** The sign-in that the browser's cookie and the address both name, or null: over, or another browser's. */
async function interactionOf(
  provider: Provider,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Interaction | null> {
  const { uid } = request.params as { uid: string };
  try {
    const interaction = await provider.interactionDetails(request.raw, reply.raw);
    return interaction.uid === uid ? interaction : null;
  } catch (error) {
    if (error instanceof Error && error.name === 'SessionNotFound') return null;
    throw error;
  }
}

interface Chosen {
  readonly clientId: string;
  readonly scopes: ReadonlySet<string>;
  readonly user: SandboxUser | null;
  readonly patient: SandboxCase | null;
}

/** What has been chosen so far, held against what there is: nobody opens another patient's record from the portal. */
function chosenBy(
  { params }: Interaction,
  choice: Choice,
  cases: readonly SandboxCase[],
): Chosen & ({ readonly complete: false } | { readonly complete: true; readonly context: LaunchContext }) {
  const scopes = new Set(String(params['scope'] ?? '').split(' '));
  const user = choice.user === undefined ? null : userOf(cases, choice.user);
  const wanted = user === null ? undefined : (ownRecordOf(user.id) ?? choice.patient);
  const patient = wantsPatient(scopes) ? cases.find((one) => one.patient.id === wanted) : undefined;
  const chosen = { clientId: String(params['client_id']), scopes, user, patient: patient ?? null };
  return user === null || (wantsPatient(scopes) && patient === undefined)
    ? { ...chosen, complete: false }
    : { ...chosen, complete: true, context: contextOf(chosen.patient, { user: user.id }) };
}

function nextPage(
  style: string,
  interaction: Interaction,
  choice: Choice,
  cases: readonly SandboxCase[],
): Page {
  const chosen = chosenBy(interaction, choice, cases);
  const client = clientNameOf(chosen.clientId);
  if (chosen.user === null) return userPage(style, client, usersOf(cases));
  if (!chosen.complete) return patientPage(style, client, chosen.user, cases);
  return consentPage({
    style,
    client,
    user: chosen.user,
    patient: chosen.patient,
    scopes: grantedScopes(chosen.scopes, chosen.context),
    target: new URL(String(interaction.params['redirect_uri'])).origin,
  });
}

function sendPage(reply: FastifyReply, { body, headers }: Page, status: number): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}
