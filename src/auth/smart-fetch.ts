import type { CustomFetch } from 'openid-client';
import { ServiceError } from '#core/error';
import type { OutboundFetch } from '#core/outbound';
import type { AllowedOrigin } from '#core/tenant';

/** Bounds of one exchange with an authorization server. */
const maxBytes = 256 << 10;

export interface SmartFetchOptions {
  readonly outbound: OutboundFetch;
  readonly allowed: readonly AllowedOrigin[];
  /** From the start to the last byte, milliseconds. */
  readonly timeoutMs: number;
  /** URLs whose answer of status 200 has to be a JSON object. */
  readonly json: readonly string[];
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * GET of a JSON object.
 * @throws ServiceError SMART_SERVER_INVALID for another status or another body; OUTBOUND_…, HOST_NOT_ALLOWED, REDIRECT_REFUSED
 */
export async function fetchJson(
  url: string,
  { outbound, allowed, timeoutMs }: Omit<SmartFetchOptions, 'json'>,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await outbound({
    url,
    allowed,
    headers: { accept: 'application/json' },
    timeoutMs,
    idleTimeoutMs: timeoutMs,
    maxBytes,
  });
  const body = await readText(response.body);
  if (response.status !== 200) throw unexpectedStatus(response.status);
  return jsonObject(body);
}

/**
 * The `fetch` that openid-client is given: everything it asks goes through the outbound policy, with the credentials
 * only in the body or in `Authorization: Basic`.
 *
 * The function throws ServiceError SMART_SERVER_INVALID, OUTBOUND_…, HOST_NOT_ALLOWED, ADDRESS_NOT_ALLOWED, REDIRECT_REFUSED.
 */
export function createSmartFetch({ outbound, allowed, timeoutMs, json }: SmartFetchOptions): CustomFetch {
  return async (url, init) => {
    const { authorization, ...headers } = init.headers;
    const basic = /^Basic (.+)$/.exec(authorization ?? '')?.[1];
    const response = await outbound({
      url,
      allowed,
      headers,
      timeoutMs,
      idleTimeoutMs: timeoutMs,
      maxBytes,
      ...(init.method === 'POST' && { method: 'POST', body: String(init.body ?? '') }),
      ...(basic !== undefined && { basic }),
      ...(init.signal !== undefined && { signal: init.signal }),
    });
    const answer: Answer = { ...response, body: await readText(response.body) };
    if (answer.status >= 500) throw unexpectedStatus(answer.status);
    if (answer.status === 200 && json.includes(url)) jsonObject(answer.body);
    return toResponse(answer);
  };
}

/** Of the headers the content type alone: nothing else of them is wanted, and challenges are not read. */
function toResponse({ status, headers, body }: Answer): Response {
  if (status < 200 || status > 599) throw unexpectedStatus(status);
  const type = headers['content-type'];
  return new Response([204, 205, 304].includes(status) ? null : body, {
    status,
    ...(type !== undefined && { headers: { 'content-type': type } }),
  });
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function jsonObject(body: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (_notJson) {
    // The cause would quote the body, which may hold a token.
    throw new ServiceError('SMART_SERVER_INVALID', { detail: 'It answered with something other than JSON.' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ServiceError('SMART_SERVER_INVALID', {
      detail: 'It answered with JSON that is not an object.',
    });
  return value as Readonly<Record<string, unknown>>;
}

function unexpectedStatus(status: number): ServiceError {
  return new ServiceError('SMART_SERVER_INVALID', { detail: `It answered with status ${status}.` });
}
