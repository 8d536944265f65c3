import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { ServiceError } from '#core/error';
import type { OutboundRequest } from '#core/outbound';
import type { AllowedUrl } from './outbound-hosts.ts';
import type { Limits } from './outbound-limits.ts';

export interface OutboundAgents {
  /** Connections that are kept and used again. */
  readonly kept: { readonly http: http.Agent; readonly https: https.Agent };
  /** One connection for one request. */
  readonly fresh: { readonly http: http.Agent; readonly https: https.Agent };
}

export interface Exchange {
  readonly target: AllowedUrl;
  /** Checked addresses of the host, in order of preference. */
  readonly addresses: readonly string[];
  readonly token: string | undefined;
  readonly request: OutboundRequest;
  readonly agents: OutboundAgents;
  readonly limits: Limits;
}

const maxHeaderBytes = 16 << 10;
/** Addresses of one host that are tried when a connection cannot be made. */
const mostAddresses = 4;
/** Kept connections that may turn out to be closed before one fresh connection is made. */
const mostStale = 2;

/** Headers that this port sets itself; a caller's are dropped. */
const own: ReadonlySet<string> = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** No connection was made, so nothing was asked yet. */
const noConnection: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * One request to one of the checked addresses: the next address when no connection can be made, another connection
 * when a kept one was closed by the server meanwhile. A POST is sent once, on a connection of its own, because nobody
 * could tell whether a lost one was carried out. Resolves with the head of the answer, its body not yet read.
 *
 * @throws ServiceError OUTBOUND_UNREACHABLE, OUTBOUND_TIMEOUT, OUTBOUND_TOO_LARGE (headers), OUTBOUND_INVALID_RESPONSE
 */
export async function exchange(exchange: Exchange): Promise<http.IncomingMessage> {
  let stale = 0;
  for (let at = 0; ; ) {
    const address = exchange.addresses[at] as string;
    const attempt = await send(exchange, address, stale > mostStale);
    if ('response' in attempt) {
      checkEncoding(attempt.response);
      return attempt.response;
    }
    if (attempt.error instanceof ServiceError) throw attempt.error;
    if (attempt.reused && stale <= mostStale && ['ECONNRESET', 'EPIPE'].includes(codeOf(attempt.error)))
      stale++;
    else if (
      noConnection.has(codeOf(attempt.error)) &&
      at + 1 < Math.min(exchange.addresses.length, mostAddresses)
    )
      at++;
    else throw coded(attempt.error);
  }
}

type Attempt =
  | { readonly response: http.IncomingMessage }
  | { readonly error: unknown; readonly reused: boolean };

function send(
  { target, token, request, agents, limits }: Exchange,
  address: string,
  fresh: boolean,
): Promise<Attempt> {
  const { url } = target;
  const { method = 'GET' } = request;
  const secure = url.protocol === 'https:';
  const headers: Record<string, string> = { host: url.host, 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (!own.has(name.toLowerCase())) headers[name.toLowerCase()] = value;
  }
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (method === 'POST') {
    headers['content-type'] = 'application/x-www-form-urlencoded';
    headers['content-length'] = String(Buffer.byteLength(request.body ?? ''));
    if (request.basic !== undefined) headers['authorization'] = `Basic ${request.basic}`;
  }
  const { http: plain, https: tls } = fresh || method === 'POST' ? agents.fresh : agents.kept;
  const options: https.RequestOptions = {
    method,
    // The checked address itself, so that nothing is resolved again; the name serves for the certificate and Host.
    host: address,
    port: url.port === '' ? (secure ? 443 : 80) : url.port,
    path: `${url.pathname}${url.search}`,
    headers,
    maxHeaderSize: maxHeaderBytes,
    agent: secure ? tls : plain,
    ...(secure && isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 && { servername: url.hostname }),
  };
  return new Promise((resolve) => {
    limits.waitForBytes(false);
    let reused = false;
    const call = (secure ? https : http).request(options);
    limits.onFailure((error) => {
      resolve({ error, reused: false });
      call.destroy();
    });
    // Until then the request waits for one of the connections to be free, which is no silence of the server.
    call.on('socket', (socket) => {
      // Node tells only of sockets that lay idle; one that is handed on from a request that ended is as old.
      reused = !socket.connecting;
      limits.waitForBytes(true);
    });
    // Stays for the whole life of the request: after the head the body reports the failure.
    call.on('error', (error) => resolve({ error, reused }));
    call.on('response', (response) => {
      limits.waitForBytes(false);
      resolve({ response });
    });
    call.end(method === 'POST' ? request.body : undefined);
  });
}

function checkEncoding(response: http.IncomingMessage): void {
  const encoding = response.headers['content-encoding'];
  if (encoding === undefined || encoding.trim().toLowerCase() === 'identity') return;
  response.destroy();
  throw new ServiceError('OUTBOUND_INVALID_RESPONSE', {
    detail: 'It was compressed, which was not asked for.',
  });
}

function coded(cause: unknown): ServiceError {
  const code = codeOf(cause);
  if (code === 'HPE_HEADER_OVERFLOW') return new ServiceError('OUTBOUND_TOO_LARGE', { cause });
  if (code.startsWith('HPE_')) return new ServiceError('OUTBOUND_INVALID_RESPONSE', { cause });
  return new ServiceError('OUTBOUND_UNREACHABLE', { cause });
}
