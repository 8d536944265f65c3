import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { createOutboundFetch } from '#auth/outbound';
import { type CallFailure, type CdsHooksOptions, cdsHooks } from '#cds/plugin';
import type { BadCard } from '#cds/response';
import type { CdsService, Feedback, HookCall, HookRequest, ServiceResponse } from '#cds/types';
import { ServiceError } from '#core/error';
import { fetchResource } from '#fhir/client';

const outbound = createOutboundFetch();

export const hookInstance = 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea';
/** CodeSystem of the codes in OperationOutcomes. */
export const reasonSystem = 'https://cds.example/CodeSystem/reason';
export const accessToken = 'secret-access-token';

/** What a FHIR server of the tests answers at one address. */
export interface FhirAnswer {
  readonly status?: number;
  readonly body: unknown;
  readonly delayMs?: number;
}

export interface FhirServer {
  readonly base: string;
  /** `METHOD path authorization` of every request, in order of arrival. */
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[];
  /** The largest number of requests that were open at once. */
  mostAtOnce: number;
  close(): Promise<void>;
}

/** A FHIR server on a loopback port: a table of answers, which asks for the access token of the tests. */
export async function startFhirServer(answers: Readonly<Record<string, FhirAnswer>>): Promise<FhirServer> {
  const requests: FhirServer['requests'] = [];
  let open = 0;
  const server: Server = createServer((request, response) => {
    open += 1;
    fhir.mostAtOnce = Math.max(fhir.mostAtOnce, open);
    const path = String(request.url).replace(/^\/fhir\/?/, '');
    requests.push({ path, authorization: request.headers.authorization });
    const found = answers[path] ?? { status: 404, body: { resourceType: 'OperationOutcome', issue: [] } };
    const allowed = request.headers.authorization === `Bearer ${accessToken}`;
    const { status = 200, body, delayMs = 0 } = allowed ? found : { status: 401, body: {} };
    setTimeout(() => {
      open -= 1;
      const text = JSON.stringify(body).replaceAll('{{fhir}}', fhir.base);
      response.writeHead(status, { 'content-type': 'application/fhir+json' }).end(text);
    }, delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fhir: FhirServer = {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
    requests,
    mostAtOnce: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return fhir;
}

/** A tenant of the tests. */
export interface TestClient {
  readonly id: string;
}

export interface TestTools {
  readonly signal: AbortSignal;
}

/** Everything that reached the far side of the ports. */
export interface Seen {
  readonly audiences: (readonly string[])[];
  readonly calls: HookCall<TestClient>[];
  readonly requests: HookRequest[];
  readonly issued: { readonly uuid: string; readonly subject: Readonly<Record<string, string>> }[];
  readonly feedback: { readonly serviceId: string; readonly entries: readonly Feedback[] }[];
  readonly failures: CallFailure[];
  readonly badCards: BadCard[];
}

export const plainCard = { summary: 'Seen', indicator: 'info', source: { label: 'Demonstration' } } as const;

export interface TestServerOptions {
  readonly handle?: (request: HookRequest, tools: TestTools) => Promise<ServiceResponse>;
  readonly services?: readonly CdsService<TestTools>[];
  /** FHIR bases that the tenant may name. */
  readonly fhirServers?: readonly string[];
  readonly options?: Partial<CdsHooksOptions<TestClient, TestTools>>;
  readonly ports?: Partial<CdsHooksOptions<TestClient, TestTools>['ports']>;
}

export interface TestServer {
  readonly app: FastifyInstance;
  readonly seen: Seen;
}

/** A service `demo` under two hooks, with a read and a search as prefetch. */
export function demoService(handle: NonNullable<TestServerOptions['handle']>): CdsService<TestTools> {
  return {
    id: 'demo',
    title: 'Demonstration',
    description: 'Shows what the plugin does.',
    usageRequirements: 'None.',
    hooks: {
      'patient-view': {
        prefetch: {
          patient: 'Patient/{{context.patientId}}',
          conditions: 'Condition?patient={{context.patientId}}&_count=2',
        },
        handle,
      },
      'order-sign': { prefetch: {}, handle },
      'encounter-start': { prefetch: { practitioner: 'Practitioner/{{userPractitionerId}}' }, handle },
    },
  };
}

/** The plugin in a real Fastify, with ports that remember what they were given and the real FHIR client. */
export async function cdsServer(given: TestServerOptions = {}): Promise<TestServer> {
  const seen: Seen = {
    audiences: [],
    calls: [],
    requests: [],
    issued: [],
    feedback: [],
    failures: [],
    badCards: [],
  };
  const handle = async (request: HookRequest, tools: TestTools): Promise<ServiceResponse> => {
    seen.requests.push(request);
    return given.handle === undefined ? { cards: [{ card: plainCard }] } : given.handle(request, tools);
  };
  const app = fastify();
  await app.register(cdsHooks<TestClient, TestTools>, {
    services: given.services ?? [demoService(handle)],
    baseUrl: 'https://cds.example',
    reasonSystem,
    onError: (failure) => seen.failures.push(failure),
    onBadCard: (bad) => seen.badCards.push(bad),
    // No test depends on the machine's speed; those about the deadline set their own.
    deadlineMs: 20_000,
    ...given.options,
    ports: {
      verifyClient: async (authorization, audiences) => {
        seen.audiences.push(audiences);
        if (authorization === 'Bearer refused')
          throw new ServiceError('CLIENT_UNAUTHENTICATED', { detail: 'because' });
        return { id: authorization ?? 'anonymous' };
      },
      checkFhirServer: (_client, fhirServer) => {
        if (!(given.fhirServers ?? []).includes(fhirServer))
          throw new ServiceError('FHIR_SERVER_NOT_ALLOWED');
      },
      fetchFhir: (call, path) =>
        fetchResource({
          outbound,
          server: { base: String(call.fhirServer), addresses: ['127.0.0.0/8'] },
          ...(call.authorization !== null && { token: call.authorization.accessToken }),
          path,
          timeoutMs: 30_000,
          bytes: call.fhirBytes,
          signal: call.signal,
        }),
      createTools: (call) => {
        seen.calls.push(call);
        return { signal: call.signal };
      },
      cardsIssued: async (_call, cards) => void seen.issued.push(...cards),
      saveFeedback: async (_client, serviceId, entries) => {
        if (entries.some(({ card }) => card === 'foreign')) throw new ServiceError('FEEDBACK_FOREIGN_CARD');
        seen.feedback.push({ serviceId, entries });
      },
      ...given.ports,
    },
  });
  await app.ready();
  return { app, seen };
}

/** A whole patient-view request of which a test changes what it is about. */
export function patientView(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    hook: 'patient-view',
    hookInstance,
    context: { userId: 'Practitioner/9', patientId: 'p1' },
    prefetch: {
      patient: { resourceType: 'Patient', id: 'p1' },
      conditions: { resourceType: 'Bundle', type: 'searchset', total: 0 },
    },
    ...change,
  };
}

export function fhirAccess(base: string): Record<string, unknown> {
  return {
    fhirServer: base,
    fhirAuthorization: {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'patient/*.rs',
      subject: 'cds-client',
      patient: 'p1',
    },
  };
}

/** What an OperationOutcome says: its code and text. */
export function outcomeOf(body: string): { readonly code: string; readonly text: string } {
  const { resourceType, issue } = JSON.parse(body) as {
    resourceType: string;
    issue: [{ details: { coding: [{ system: string; code: string }]; text: string } }];
  };
  return {
    code: resourceType === 'OperationOutcome' ? issue[0].details.coding[0].code : resourceType,
    text: issue[0].details.text,
  };
}
