import { ServiceError } from '#core/error';
import { type Deadline, untilDeadline } from './deadline.ts';
import { resolvePrefetch } from './prefetch.ts';
import { parseEnvelope, parseRequest } from './request.ts';
import { type BadCard, checkResponse, type WireResponse } from './response.ts';
import type { CdsPorts, CdsService, HookCall } from './types.ts';

export interface DispatchOptions<Client, Tools> {
  readonly services: ReadonlyMap<string, CdsService<Tools>>;
  readonly ports: Omit<CdsPorts<Client, Tools>, 'verifyClient' | 'saveFeedback'>;
  /** Pages of one search, the first included. */
  readonly maxPages: number;
  /** FHIR answers of one call together, bytes. */
  readonly maxFhirBytes: number;
  readonly onBadCard: (bad: BadCard) => void;
}

/** One authenticated hook call. */
export interface DispatchInput<Client> {
  readonly client: Client;
  readonly serviceId: string;
  readonly body: unknown;
  /** Started at the arrival of the call; whoever started it clears it. */
  readonly deadline: Deadline;
}

/**
 * Service, hook, body, FHIR server, prefetch, handler, cards, their remembering: in this order, under the call's one deadline.
 * @throws ServiceError SERVICE_NOT_FOUND, HOOK_MISMATCH, INVALID_REQUEST, FHIR_SERVER_NOT_ALLOWED, PREFETCH_UNMET,
 * DEADLINE_EXCEEDED, and what the handler and the ports throw
 */
export async function dispatch<Client, Tools>(
  options: DispatchOptions<Client, Tools>,
  { client, serviceId, body, deadline }: DispatchInput<Client>,
): Promise<WireResponse> {
  const { ports } = options;
  const service = options.services.get(serviceId);
  if (service === undefined) throw new ServiceError('SERVICE_NOT_FOUND');
  const envelope = parseEnvelope(body);
  const definition = Object.hasOwn(service.hooks, envelope.hook) ? service.hooks[envelope.hook] : undefined;
  if (definition === undefined) throw new ServiceError('HOOK_MISMATCH');
  const request = parseRequest(envelope);
  if (request.fhirServer !== null) ports.checkFhirServer(client, request.fhirServer);

  const { hook, hookInstance, context, fhirServer, authorization } = request;
  const call: HookCall<Client> = {
    client,
    serviceId,
    hook,
    hookInstance,
    context,
    fhirServer,
    authorization,
    arrivedAt: deadline.arrivedAt,
    fhirBytes: { left: options.maxFhirBytes },
    signal: deadline.signal,
  };
  const resolved = await resolvePrefetch({
    templates: definition.prefetch,
    given: request.prefetch,
    context,
    fhirServer,
    // An open server may be named without a token; whether it may be asked so is the port's to know.
    fetch: fhirServer === null ? null : (query) => ports.fetchFhir(call, query),
    maxPages: options.maxPages,
    signal: deadline.signal,
  });
  const handled = definition.handle({ hook, hookInstance, context, ...resolved }, ports.createTools(call));
  const response = await untilDeadline(handled, deadline.lastSignal);
  const { wire, issued } = checkResponse(response, (problems) =>
    options.onBadCard({ serviceId, hook, problems }),
  );
  // An empty answer would be read as nothing to say.
  if (response.cards.length > 0 && wire.cards.length === 0)
    throw new ServiceError('INTERNAL', { detail: 'No card of the service holds against the standard.' });
  if (issued.length > 0) await untilDeadline(ports.cardsIssued(call, issued), deadline.lastSignal);
  return wire;
}
