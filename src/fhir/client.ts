import { ServiceError } from '#core/error';
import type { OutboundFetch, OutboundResponse } from '#core/outbound';
import { retryAfterSeconds } from '#core/retry-after';
import type { AllowedOrigin } from '#core/tenant';
import { checkPath, type FhirPath } from './path.ts';

export interface FhirRequest {
  readonly outbound: OutboundFetch;
  /** The FHIR server. Nothing outside of its base is asked, wherever a link or a redirect leads. */
  readonly server: AllowedOrigin;
  readonly token?: string;
  /** Relative to the base (`Patient/1`, `ImagingStudy?patient=1`), or an absolute link below it. */
  readonly path: string;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Bytes that may still be read; what arrives is taken from it. Default: 8 MiB for this request alone. */
  readonly bytes?: { left: number };
  readonly signal?: AbortSignal;
}

/** Any JSON object with a resource type; nothing else of it is checked. */
interface FhirResource {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}

const defaultBytes = 8 << 20;

/**
 * One read, or one page of a search, on one FHIR server. Following `next` links is the caller's.
 *
 * @returns the parsed resource, a Bundle for a search; null when a read finds nothing (404, 410)
 * @throws ServiceError INVALID_REQUEST for a path that is neither a read nor a search,
 *   FHIR_SERVER_NOT_ALLOWED for an absolute path that is not below `server`,
 *   FHIR_UNAUTHORIZED (401, 403), FHIR_UNAVAILABLE (other failures, with `retryAfter` when the server gives one),
 *   FHIR_INVALID_RESPONSE (not JSON, not the resource asked for), OUTBOUND_TOO_LARGE and the other codes of
 *   {@link OutboundFetch}
 * @see FHIR R4 RESTful API §read, §search
 */
export async function fetchResource(request: FhirRequest): Promise<FhirResource | null> {
  const { outbound, server, token, timeoutMs, signal, bytes = { left: defaultBytes } } = request;
  const path = checkPath(request.path, server.base);
  if (bytes.left <= 0) throw new ServiceError('OUTBOUND_TOO_LARGE');
  const response = await outbound({
    url: path.url,
    allowed: [server],
    headers: { accept: 'application/fhir+json' },
    ...(token !== undefined && { token }),
    timeoutMs,
    idleTimeoutMs: timeoutMs,
    maxBytes: bytes.left,
    ...(signal !== undefined && { signal }),
  }).catch(asServerRefusal);
  if (!(await isOk(response, path))) return null;
  const resource = await readJson(response, bytes);
  checkAnswer(resource, path);
  return resource;
}

/** The list that was asked is that of one FHIR server: its refusal is told as such. */
function asServerRefusal(error: unknown): never {
  if (error instanceof ServiceError && error.code === 'HOST_NOT_ALLOWED')
    throw new ServiceError('FHIR_SERVER_NOT_ALLOWED', { cause: error });
  throw error;
}

/** true: there is a body to read. false: nothing was found. The body of any other answer is let go. */
async function isOk(response: OutboundResponse, path: FhirPath): Promise<boolean> {
  const { status, headers } = response;
  if (status === 200 && isJson(headers['content-type'])) return true;
  await response.body[Symbol.asyncIterator]().return?.();
  if (status === 200) throw new ServiceError('FHIR_INVALID_RESPONSE', { detail: 'It is not JSON.' });
  if (status === 401 || status === 403) throw new ServiceError('FHIR_UNAUTHORIZED');
  if ((status === 404 || status === 410) && path.kind === 'read') return false;
  const retryAfter = retryAfterSeconds(headers['retry-after'], Date.now());
  throw new ServiceError('FHIR_UNAVAILABLE', {
    detail: `It answered with status ${status}.`,
    ...(retryAfter !== null && { retryAfter }),
  });
}

const isJson = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType);

async function readJson(response: OutboundResponse, bytes: { left: number }): Promise<FhirResource> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) {
    // Other requests of the same call take from it meanwhile.
    bytes.left -= chunk.length;
    if (bytes.left < 0) throw new ServiceError('OUTBOUND_TOO_LARGE');
    chunks.push(chunk);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (cause) {
    throw new ServiceError('FHIR_INVALID_RESPONSE', { detail: 'It is not JSON.', cause });
  }
  if (!isResource(parsed))
    throw new ServiceError('FHIR_INVALID_RESPONSE', { detail: 'It is not a resource.' });
  return parsed;
}

function isResource(value: unknown): value is FhirResource {
  return (
    typeof value === 'object' &&
    value !== null &&
    'resourceType' in value &&
    typeof value.resourceType === 'string'
  );
}

/** A read must give that very resource; a search a Bundle. */
function checkAnswer(resource: FhirResource, path: FhirPath): void {
  const right =
    path.kind === 'read'
      ? resource.resourceType === path.type && resource['id'] === path.id
      : resource.resourceType === 'Bundle' && Array.isArray(resource['entry'] ?? []);
  if (!right) throw new ServiceError('FHIR_INVALID_RESPONSE');
}
