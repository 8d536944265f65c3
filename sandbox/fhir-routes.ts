import type { Bundle, BundleEntry, CapabilityStatement, CapabilityStatementRest } from '@medplum/fhirtypes';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Grant, TokenCheck } from './access-tokens.ts';
import { type FhirStore, resourceTypes } from './fhir-store.ts';
import { askForToken, grantOf, refuseScope, type TokenRule } from './gatekeeper.ts';
import { outcomeOf, sendFhir } from './outcome.ts';
import { isOwnUser, reaches, reachOf } from './reach.ts';

/** Entries of a page when the search does not say `_count`. */
const pageSize = 20;

/** The FHIR R4 server: read, search and create. @see FHIR R4 §3.1.0 */
export function fhirRoutes(
  app: FastifyInstance,
  options: {
    readonly store: FhirStore;
    readonly tokens: TokenCheck;
    readonly rule: TokenRule;
    /** Public base, without a trailing slash. */
    readonly base: string;
    /** How access is got, for the CapabilityStatement; absent: it says nothing of that. */
    readonly security?: CapabilityStatementRest['security'];
  },
): void {
  const { store, tokens, rule, base, security } = options;
  const allowed = async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Grant | 'everything' | null> => {
    const grant = await grantOf(request, tokens, rule);
    if (grant === null) askForToken(reply);
    return grant;
  };
  const foreign = outcomeOf('forbidden', 'The token is for one patient only.');

  app.addContentTypeParser(
    ['application/fhir+json'],
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  );

  app.get('/metadata', (_request, reply) => sendFhir(reply, 200, capabilities(base, security)));

  app.get<{ Params: { type: string } }>('/:type', async (request, reply) => {
    const grant = await allowed(request, reply);
    if (grant === null) return reply;
    const { type } = request.params;
    if (!isHeld(type)) return unknownType(reply, type);
    const reach = reachOf(grant, type, 's');
    if (reach === null) return refuseScope(reply, scopeFor(grant, type, 's'));
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    const answer = await store.get(`${type}?${query}`);
    if (answer.status !== 200) return sendFhir(reply, answer.status, answer.resource);
    const bundle = answer.resource as Bundle;
    const entries = bundle.entry ?? [];
    const beyond = ({ resource, search }: BundleEntry) =>
      search?.mode !== 'include' && resource !== undefined && !reaches(reach, resource);
    if (entries.some(beyond)) return sendFhir(reply, 403, foreign);
    const shown = { ...bundle, ...(entries.length > 0 && { entry: entries.filter(mayInclude(grant)) }) };
    return sendFhir(reply, 200, withLinks(shown, `${base}/${type}`, query, base));
  });

  app.get<{ Params: { type: string; id: string } }>('/:type/:id', async (request, reply) => {
    const grant = await allowed(request, reply);
    if (grant === null) return reply;
    const { type, id } = request.params;
    if (!isHeld(type)) return unknownType(reply, type);
    const own = isOwnUser(grant, type, id);
    const reach = reachOf(grant, type, 'r');
    if (reach === null && !own) return refuseScope(reply, scopeFor(grant, type, 'r'));
    const { status, resource } = await store.get(`${type}/${encodeURIComponent(id)}`);
    if (status === 200 && !own && reach !== null && !reaches(reach, resource)) {
      return sendFhir(reply, 403, foreign);
    }
    return sendFhir(reply, status, resource);
  });

  app.post<{ Params: { type: string }; Body: unknown }>('/:type', async (request, reply) => {
    const grant = await allowed(request, reply);
    if (grant === null) return reply;
    const { type } = request.params;
    if (!isHeld(type)) return unknownType(reply, type);
    if (grant !== 'everything')
      return sendFhir(reply, 403, outcomeOf('forbidden', `The token’s scope is ${grant.scope}.`));
    if ((request.body as { resourceType?: unknown } | null)?.resourceType !== type) {
      return sendFhir(reply, 400, outcomeOf('invalid', `The body is not a ${type}.`));
    }
    const { status, resource } = await store.create(type, request.body);
    if (status === 201) reply.header('location', `${base}/${type}/${(resource as { id: string }).id}`);
    return sendFhir(reply, status, resource);
  });
}

function isHeld(type: string): boolean {
  return (resourceTypes as readonly string[]).includes(type);
}

function unknownType(reply: FastifyReply, type: string): FastifyReply {
  return sendFhir(reply, 404, outcomeOf('not-supported', `This server holds no ${type.slice(0, 40)}.`));
}

/** What is included goes along only where the token opens it by itself. */
function mayInclude(grant: Grant | 'everything'): (entry: BundleEntry) => boolean {
  return ({ resource, search }) => {
    if (resource === undefined || search?.mode !== 'include') return true;
    const reach = reachOf(grant, resource.resourceType, 'r');
    return reach !== null && reaches(reach, resource);
  };
}

/** The scope that a refused call would have needed. */
function scopeFor(grant: Grant | 'everything', type: string, right: 'r' | 's'): string {
  const context = grant === 'everything' || grant.patientId !== null ? 'patient' : 'user';
  return `${context}/${type}.${right}`;
}

/** @see FHIR R4 §3.1.1.4 Paging, §3.1.1.6 */
function withLinks(bundle: Bundle, address: string, query: URLSearchParams, base: string): Bundle {
  const matches = (bundle.entry ?? []).filter(({ search }) => search?.mode !== 'include').length;
  const offset = Number(query.get('_offset') ?? 0);
  const count = Number(query.get('_count') ?? pageSize);
  const link = [{ relation: 'self', url: `${address}?${query}` }];
  if (count > 0 && offset + matches < (bundle.total ?? 0)) {
    const next = new URLSearchParams(query);
    next.set('_count', String(count));
    next.set('_offset', String(offset + matches));
    link.push({ relation: 'next', url: `${address}?${next}` });
  }
  const entry = bundle.entry?.map((one) => ({
    ...one,
    fullUrl: `${base}/${one.resource?.resourceType}/${one.resource?.id}`,
  }));
  return { ...bundle, link, ...(entry !== undefined && { entry }) };
}

function capabilities(base: string, security: CapabilityStatementRest['security']): CapabilityStatement {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-11-24',
    kind: 'instance',
    implementation: { description: 'Fovea sandbox: invented patients, generated pictures', url: base },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json'],
    rest: [
      {
        mode: 'server',
        ...(security !== undefined && { security }),
        resource: resourceTypes.map((type) => ({
          type,
          interaction: [{ code: 'read' }, { code: 'search-type' }, { code: 'create' }],
        })),
      },
    ],
  };
}
