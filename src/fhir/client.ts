import { ServiceError } from '#core/error';
import type { OutboundFetch, OutboundResponse } from '#core/outbound';
import { retryAfterSeconds } from '#core/retry-after';
import type { AllowedOrigin } from '#core/tenant';
import { checkPath, type FhirPath, isBelow } from './path.ts';

export interface FhirRequest {
  readonly outbound: OutboundFetch;
  /** Base URL of the FHIR server. */
  readonly server: string;
  /** The tenant's FHIR servers. */
  readonly allowed: readonly AllowedOrigin[];
  readonly token?: string;
  /** Relative to the base (`Patient/1`, `ImagingStudy?patient=1`), or an absolute `next` link below it. */
  readonly path: string;
  /** For all pages together, milliseconds. */
  readonly timeoutMs: number;
  /** Pages of a search that are fetched, 1 or more. Default 10. */
  readonly maxPages?: number;
  /** Bytes of all pages together. Default 8 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface FhirAnswer {
  /** The parsed resource. null when a read finds nothing (404, 410). Pages of a search are one Bundle. */
  readonly resource: FhirResource | null;
  /** false when a search has more pages than were fetched; the Bundle then still has its `next` link. */
  readonly complete: boolean;
}

/** Any JSON object with a resource type; nothing else of it is checked. */
interface FhirResource {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}

const defaults = { maxPages: 10, maxBytes: 8 << 20 } as const;

/**
 * One read or search on one FHIR server. The `next` links of a search are followed as long as they stay below the
 * same base; a link elsewhere is not followed and leaves the answer incomplete.
 *
 * @throws ServiceError INVALID_REQUEST for a path that is neither a read nor a search,
 *   FHIR_SERVER_NOT_ALLOWED for an absolute path that is not below `server`,
 *   FHIR_UNAUTHORIZED (401, 403), FHIR_UNAVAILABLE (other failures, with `retryAfter` when the server gives one),
 *   FHIR_INVALID_RESPONSE (not JSON, not the resource asked for), OUTBOUND_TOO_LARGE and the other codes of
 *   {@link OutboundFetch}
 * @see FHIR R4 RESTful API §read, §search, §paging
 */
export async function fetchResource(request: FhirRequest): Promise<FhirAnswer> {
  const path = checkPath(request.path, request.server);
  const end = performance.now() + request.timeoutMs;
  let bytesLeft = request.maxBytes ?? defaults.maxBytes;

  async function page(url: string): Promise<FhirResource | null> {
    const timeoutMs = end - performance.now();
    if (timeoutMs <= 0) throw new ServiceError('OUTBOUND_TIMEOUT');
    const response = await request.outbound({
      url,
      allowed: request.allowed,
      headers: { accept: 'application/fhir+json' },
      ...(request.token !== undefined && { token: request.token }),
      timeoutMs,
      idleTimeoutMs: timeoutMs,
      maxBytes: bytesLeft,
      ...(request.signal !== undefined && { signal: request.signal }),
    });
    if (!(await isOk(response, path))) return null;
    const { resource, bytes } = await readJson(response);
    bytesLeft -= bytes;
    return resource;
  }

  const first = await page(path.url);
  if (first === null) return { resource: null, complete: true };
  checkAnswer(first, path);
  return first.resourceType === 'Bundle'
    ? followPages(first, path.url, request, page)
    : { resource: first, complete: true };
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

async function readJson(
  response: OutboundResponse,
): Promise<{ readonly resource: FhirResource; readonly bytes: number }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new ServiceError('FHIR_INVALID_RESPONSE', { detail: 'It is not JSON.', cause });
  }
  if (!isResource(parsed))
    throw new ServiceError('FHIR_INVALID_RESPONSE', { detail: 'It is not a resource.' });
  return { resource: parsed, bytes: body.length };
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
      : resource.resourceType === 'Bundle';
  if (!right) throw new ServiceError('FHIR_INVALID_RESPONSE');
}

async function followPages(
  first: FhirResource,
  firstUrl: string,
  request: FhirRequest,
  page: (url: string) => Promise<FhirResource | null>,
): Promise<FhirAnswer> {
  const entries = [...entriesOf(first)];
  const seen = new Set([firstUrl]);
  const maxPages = request.maxPages ?? defaults.maxPages;
  let last = first;
  let next = nextLink(first, firstUrl);
  while (next !== null && seen.size < maxPages && !seen.has(next) && isBelow(next, request.server)) {
    seen.add(next);
    const following = await page(next);
    if (following?.resourceType !== 'Bundle') throw new ServiceError('FHIR_INVALID_RESPONSE');
    entries.push(...entriesOf(following));
    last = following;
    next = nextLink(following, next);
  }
  const { link: _, entry: __, ...rest } = first;
  const links = linksOf(last).filter(({ relation }) => next !== null && relation === 'next');
  return {
    resource: {
      ...rest,
      ...(links.length > 0 && { link: links }),
      ...(entries.length > 0 && { entry: entries }),
    } as FhirResource,
    complete: next === null,
  };
}

function entriesOf(bundle: FhirResource): readonly unknown[] {
  const entries = bundle['entry'] ?? [];
  if (!Array.isArray(entries)) throw new ServiceError('FHIR_INVALID_RESPONSE');
  return entries;
}

function linksOf(bundle: FhirResource): readonly { readonly relation?: unknown; readonly url?: unknown }[] {
  const links: unknown = bundle['link'];
  return Array.isArray(links) ? links.filter((link) => typeof link === 'object' && link !== null) : [];
}

/** Absolute address of the next page; relative ones, which FHIR does not have but servers send, count from the page. */
function nextLink(bundle: FhirResource, pageUrl: string): string | null {
  const url = linksOf(bundle).find(({ relation }) => relation === 'next')?.url;
  if (typeof url !== 'string' || url === '') return null;
  return URL.canParse(url, pageUrl) ? new URL(url, pageUrl).href : url;
}
