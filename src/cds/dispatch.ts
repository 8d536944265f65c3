import { performance } from 'node:perf_hooks';
import { ServiceError } from '#core/error';
import { resolvePrefetch, untilDeadline } from './prefetch.ts';
import { parseEnvelope, parseRequest } from './request.ts';
import { type BadCard, checkResponse, type WireResponse } from './response.ts';
import type { CdsPorts, CdsService, HookCall } from './types.ts';

export interface DispatchOptions<Client, Tools> {
  readonly services: ReadonlyMap<string, CdsService<Tools>>;
  readonly ports: Omit<CdsPorts<Client, Tools>, 'verifyClient' | 'saveFeedback'>;
  /** From the arrival of a call until its `signal` aborts, milliseconds. */
  readonly deadlineMs: number;
  /** How long after the deadline a service may still take to word its answer, milliseconds. */
  readonly graceMs: number;
  /** Pages of one search, the first included. */
  readonly maxPages: number;
  readonly onBadCard: (bad: BadCard) => void;
}

/** One authenticated hook call. */
export interface DispatchInput<Client> {
  readonly client: Client;
  readonly serviceId: string;
  readonly body: unknown;
  /** `performance.now()` milliseconds. */
  readonly arrivedAt: number;
}

/**
 * Service, hook, body, FHIR server, prefetch, handler, cards: in this order, under one deadline.
 * @throws ServiceError SERVICE_NOT_FOUND, HOOK_MISMATCH, INVALID_REQUEST, FHIR_SERVER_NOT_ALLOWED, PREFETCH_UNMET,
 * DEADLINE_EXCEEDED, and what the handler and the ports throw
 */
export async function dispatch<Client, Tools>(
  options: DispatchOptions<Client, Tools>,
  { client, serviceId, body, arrivedAt }: DispatchInput<Client>,
): Promise<WireResponse> {
  const { ports } = options;
  const service = options.services.get(serviceId);
  if (service === undefined) throw new ServiceError('SERVICE_NOT_FOUND');
  const envelope = parseEnvelope(body);
  const definition = Object.hasOwn(service.hooks, envelope.hook) ? service.hooks[envelope.hook] : undefined;
  if (definition === undefined) throw new ServiceError('HOOK_MISMATCH');
  const request = parseRequest(envelope);
  if (request.fhirServer !== null) ports.checkFhirServer(client, request.fhirServer);

  const deadline = startDeadline(arrivedAt, options);
  const { hook, hookInstance, context, fhirServer, authorization } = request;
  const call: HookCall<Client> = {
    client,
    serviceId,
    hook,
    hookInstance,
    context,
    fhirServer,
    authorization,
    arrivedAt,
    signal: deadline.signal,
  };
  try {
    const prefetch = await resolvePrefetch({
      templates: definition.prefetch,
      given: request.prefetch,
      context,
      fhirServer,
      // An open server may be named without a token; whether it may be asked so is the port's to know.
      fetch: fhirServer === null ? null : (query) => ports.fetchFhir(call, query),
      maxPages: options.maxPages,
      signal: deadline.signal,
    });
    const handled = definition.handle({ hook, hookInstance, context, prefetch }, ports.createTools(call));
    const response = await untilDeadline(handled, deadline.lastSignal);
    const { wire, issued } = checkResponse(response, (problems) =>
      options.onBadCard({ serviceId, hook, problems }),
    );
    if (issued.length > 0) await ports.cardsIssued(call, issued);
    return wire;
  } finally {
    deadline.clear();
  }
}

/** `signal` asks the service to come to an end; `lastSignal` ends the call when it does not. */
function startDeadline(
  arrivedAt: number,
  { deadlineMs, graceMs }: { readonly deadlineMs: number; readonly graceMs: number },
) {
  const soft = new AbortController();
  const hard = new AbortController();
  const left = Math.max(0, arrivedAt + deadlineMs - performance.now());
  const softTimer = setTimeout(() => soft.abort(new ServiceError('DEADLINE_EXCEEDED')), left);
  const hardTimer = setTimeout(() => hard.abort(new ServiceError('DEADLINE_EXCEEDED')), left + graceMs);
  return {
    signal: soft.signal,
    lastSignal: hard.signal,
    clear: () => {
      clearTimeout(softTimer);
      clearTimeout(hardTimer);
    },
  };
}
