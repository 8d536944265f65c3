import type { Readable } from 'node:stream';
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, ServiceError } from '#core/error';
import { inBoundedPieces } from './bounded-pieces.ts';
import { type Deadline, startDeadline, untilDeadline } from './deadline.ts';
import { discoveryOf, serviceTable } from './discovery.ts';
import { dispatch } from './dispatch.ts';
import { parseFeedback } from './feedback.ts';
import { webUrl } from './json.ts';
import { refuseOtherMethods } from './methods.ts';
import { toErrorReply } from './operation-outcome.ts';
import type { BadCard } from './response.ts';
import type { CdsPorts, CdsService } from './types.ts';

export interface CdsHooksOptions<Client, Tools> {
  readonly services: readonly CdsService<Tools>[];
  readonly ports: CdsPorts<Client, Tools>;
  /**
   * The addresses under which clients know this server, without `/cds-services`, a base path included. `aud` of a
   * client JWT is held against each. A function where they are known only after listening.
   */
  readonly baseUrl: string | readonly string[] | (() => readonly string[]);
  /** Canonical URL of the CodeSystem that the codes of OperationOutcomes are of. */
  readonly reasonSystem: string;
  /** From the arrival of a hook call until its `signal` aborts, milliseconds. Default 400. */
  readonly deadlineMs?: number;
  /** How long after the deadline the call may still take (a service to word its answer), milliseconds; then it ends in 503. Default 600. */
  readonly graceMs?: number;
  /**
   * Bytes. Default 8 MiB. A body may come in one piece for each 256 of them, 4096 at least; one in more is refused as
   * too large.
   */
  readonly bodyLimit?: number;
  /** Pages of one FHIR search, the first included. Default 10. */
  readonly maxPages?: number;
  /** What one hook call may read from FHIR servers, over all its prefetch keys and their pages, bytes. Default 16 MiB. */
  readonly maxFhirBytes?: number;
  /** Web origins of browser-based clients, `https://ehr.example`. Default none. */
  readonly corsOrigins?: readonly string[];
  /** Whether discovery asks for a client JWT as the other calls do. A token that comes is verified in any case. Default true. */
  readonly authenticateDiscovery?: boolean;
  /** Told of every failed call, so that it can be logged. */
  readonly onError: (failure: CallFailure) => void;
  /** Told of every card that was left out because it breaks the standard. */
  readonly onBadCard: (bad: BadCard) => void;
}

/** A call that ended in an error, as it was answered. */
export interface CallFailure {
  /** As it was thrown: a ServiceError, an error of the HTTP framework, or a bug. Its message may name a patient's data. */
  readonly error: unknown;
  readonly code: ErrorCode;
  readonly status: number;
  readonly method: string;
  /** The route's pattern, never the address asked for. */
  readonly route: string;
}

/** What is known of a call before its body. */
interface Arrival<Client> {
  client: Client | null;
  readonly deadline: Deadline;
}

const prefix = '/cds-services';

/** Bytes: a body of the largest size may come in pieces of this many. */
const meanPiece = 256;
const leastPieces = 4096;

/**
 * CDS Hooks 2.0 as Fastify plugin: `GET /cds-services`, `POST /cds-services/:id`, `POST /cds-services/:id/feedback`.
 * @throws ServiceError CONFIG_INVALID when a service definition breaks the standard
 * @see https://cds-hooks.hl7.org/2.0/
 */
export async function cdsHooks<Client, Tools>(
  app: FastifyInstance,
  options: CdsHooksOptions<Client, Tools>,
): Promise<void> {
  await app.register(routesOf(options), { prefix });
}

function routesOf<Client, Tools>(options: CdsHooksOptions<Client, Tools>): FastifyPluginAsync {
  const {
    ports,
    bodyLimit = 8 * 1024 * 1024,
    deadlineMs = 400,
    graceMs = 600,
    maxPages = 10,
    maxFhirBytes = 16 * 1024 * 1024,
    onBadCard,
    authenticateDiscovery = true,
  } = options;
  const services = serviceTable(options.services);
  const discovery = JSON.stringify(discoveryOf(services.values()));
  const corsOrigins = checkedOrigins(options.corsOrigins ?? []);
  const mostPieces = Math.max(leastPieces, Math.ceil(bodyLimit / meanPiece));
  const arrivals = new WeakMap<FastifyRequest, Arrival<Client>>();
  const arrivalOf = (request: FastifyRequest) =>
    arrivals.get(request) as Arrival<Client> & { readonly client: Client };

  /** Before the body is read: a caller that is not known does not get to send one. */
  const authenticate = async (request: FastifyRequest) => {
    const arrival: Arrival<Client> = { client: null, deadline: startDeadline({ deadlineMs, graceMs }) };
    arrivals.set(request, arrival);
    const path = request.url.slice(request.url.indexOf(prefix)).replace(/[?#].*$/, '');
    arrival.client = await untilDeadline(
      ports.verifyClient(request.headers.authorization, audiencesOf(options.baseUrl, path)),
      arrival.deadline.lastSignal,
    );
  };

  /** A body that is compressed, or says so and is not, is not read as if it were plain. @see RFC 9110 §15.5.16 */
  const refuseEncoded = async (request: FastifyRequest, reply: FastifyReply) => {
    const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? '';
    if (encoding === '' || encoding === 'identity') return;
    reply.header('accept-encoding', 'identity');
    throw new ServiceError('UNSUPPORTED_MEDIA_TYPE', {
      detail: 'The body has a Content-Encoding; none is supported.',
    });
  };

  /** A large body on a slow line is not the service's time: the clock of the call stands still meanwhile. */
  const timeBody = async (request: FastifyRequest, _reply: FastifyReply, payload: Readable) => {
    const { deadline } = arrivalOf(request);
    deadline.pause();
    return inBoundedPieces(payload, mostPieces).once('end', () => deadline.resume());
  };

  return async (scope) => {
    scope.removeContentTypeParser('text/plain');
    scope.setErrorHandler((error, request, reply) => {
      const { code, status, headers, body } = toErrorReply(error, options.reasonSystem);
      options.onError({
        error,
        code,
        status,
        method: request.method,
        route: request.routeOptions.url ?? prefix,
      });
      return reply.status(status).headers(headers).type('application/fhir+json').send(body);
    });
    scope.setNotFoundHandler(() => {
      throw new ServiceError('NOT_FOUND');
    });
    scope.addHook('onResponse', async (request) => arrivals.get(request)?.deadline.clear());
    if (corsOrigins.length > 0) {
      await scope.register(cors, {
        origin: corsOrigins,
        methods: ['GET', 'POST', 'OPTIONS'],
        allowedHeaders: ['Authorization', 'Content-Type'],
        strictPreflight: false,
        maxAge: 600,
      });
    }

    scope.get('/', {
      onRequest: async (request) => {
        if (authenticateDiscovery || request.headers.authorization !== undefined) await authenticate(request);
      },
      handler: (_request, reply) => reply.type('application/json; charset=utf-8').send(discovery),
    });

    const call = { bodyLimit, onRequest: authenticate, preParsing: [refuseEncoded, timeBody] };
    scope.post<{ Params: { id: string } }>('/:id', {
      ...call,
      handler: (request) => {
        const { client, deadline } = arrivalOf(request);
        // Where there was no body to read, its end was not seen.
        deadline.resume();
        return dispatch(
          { services, ports, maxPages, maxFhirBytes, onBadCard },
          { client, serviceId: request.params.id, body: request.body, deadline },
        );
      },
    });
    scope.post<{ Params: { id: string } }>('/:id/feedback', {
      ...call,
      handler: async (request, reply) => {
        const { id } = request.params;
        if (!services.has(id)) throw new ServiceError('SERVICE_NOT_FOUND');
        await ports.saveFeedback(arrivalOf(request).client, id, parseFeedback(request.body));
        return reply.status(200).send();
      },
    });
    refuseOtherMethods(scope, '/', 'get');
    for (const address of ['/:id', '/:id/feedback']) refuseOtherMethods(scope, address, 'post');
  };
}

/** The addresses that `aud` may name. At the feedback address that of the service itself as well: the standard does not say which. */
function audiencesOf(baseUrl: CdsHooksOptions<never, never>['baseUrl'], path: string): readonly string[] {
  const bases = typeof baseUrl === 'function' ? baseUrl() : [baseUrl].flat();
  const paths = path.endsWith('/feedback')
    ? [path, path.slice(0, -'/feedback'.length)]
    : [path.replace(/\/$/, '')];
  return bases.flatMap((base) => paths.map((one) => base.replace(/\/+$/, '') + one));
}

/** Origins are compared as a browser sends them. `*` would let every page call. @throws ServiceError CONFIG_INVALID */
function checkedOrigins(origins: readonly string[]): string[] {
  return origins.map((origin) => {
    if (webUrl(origin)?.origin === origin) return origin;
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'A CORS origin is scheme, host and port of a web page, https://ehr.example.',
    });
  });
}
