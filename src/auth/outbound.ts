import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { createSecureContext, rootCertificates } from 'node:tls';
import { ServiceError } from '#core/error';
import type { OutboundFetch, OutboundRequest, OutboundResponse } from '#core/outbound';
import { isAddressAllowed } from './outbound-address.ts';
import { responseBody } from './outbound-body.ts';
import { exchange, type OutboundAgents } from './outbound-exchange.ts';
import { type AllowedUrl, findAllowed } from './outbound-hosts.ts';
import { startLimits } from './outbound-limits.ts';

export interface OutboundOptions {
  /** Addresses of a host name. Default: the system's resolver. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  /** Certificate authorities besides Node's own, PEM. */
  readonly extraCa?: string;
}

const mostRedirects = 3;
/** Connections at once to one address, port and server name. Further requests wait for one. */
const maxSockets = 16;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What may stand in `Authorization: Bearer …`; anything else could end the header line. @see RFC 6750 §2.1 */
const bearerToken = /^[\x21-\x7e]+$/;
/** Base64, as Basic credentials are. @see RFC 7617 §2 */
const basicCredentials = /^[A-Za-z0-9+/]+={0,2}$/;

const systemResolver = async (hostname: string): Promise<readonly string[]> =>
  (await lookup(hostname, { all: true })).map(({ address }) => address);

/**
 * The only way out of Fovea.
 *
 * Each URL, redirects included, is held against the caller's list ({@link findAllowed}); its host name is resolved
 * once, every address of the answer must be allowed ({@link isAddressAllowed}), and the connection goes to one of
 * exactly these addresses, so a second DNS answer cannot lead elsewhere. Plain http only where the list says http.
 * At most 3 redirects, never from https to http, each of them on the list; no redirect is followed with the token,
 * not even one within the same origin, and none of a POST. Asks for no compression and refuses a compressed answer. Headers of an answer: 16 KiB.
 *
 * Connections are kept and used again per address, port and server name, 16 of them at once. A request that waits for
 * one waits within its whole time; that is no silence of the server.
 *
 * The function throws ServiceError HOST_NOT_ALLOWED, ADDRESS_NOT_ALLOWED, REDIRECT_REFUSED, OUTBOUND_TIMEOUT,
 * OUTBOUND_UNREACHABLE, OUTBOUND_INVALID_RESPONSE, INVALID_REQUEST (a token that is not a bearer token, credentials that
 * are not Basic credentials).
 */
export function createOutboundFetch(options: OutboundOptions = {}): OutboundFetch {
  const resolve = options.resolve ?? systemResolver;
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(options.extraCa !== undefined && { ca: [...rootCertificates, options.extraCa] }),
  });
  const keep = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, timeout: 30_000 };
  const agents: OutboundAgents = {
    kept: { http: new http.Agent(keep), https: new https.Agent({ ...keep, secureContext }) },
    fresh: { http: new http.Agent({ maxSockets }), https: new https.Agent({ maxSockets, secureContext }) },
  };

  async function addressesOf({ url, entry }: AllowedUrl): Promise<readonly string[]> {
    const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
    let addresses: readonly string[];
    try {
      addresses = isIP(hostname) === 0 ? await resolve(hostname) : [hostname];
    } catch (cause) {
      throw new ServiceError('OUTBOUND_UNREACHABLE', { detail: 'Its name has no address.', cause });
    }
    if (addresses.length === 0) {
      throw new ServiceError('OUTBOUND_UNREACHABLE', { detail: 'Its name has no address.' });
    }
    if (!addresses.every((address) => isAddressAllowed(address, entry.addresses))) {
      throw new ServiceError('ADDRESS_NOT_ALLOWED');
    }
    return addresses;
  }

  return async (request: OutboundRequest): Promise<OutboundResponse> => {
    if (request.token !== undefined && !bearerToken.test(request.token)) {
      throw new ServiceError('INVALID_REQUEST', { detail: 'The access token is not a bearer token.' });
    }
    if (request.basic !== undefined && !basicCredentials.test(request.basic)) {
      throw new ServiceError('INVALID_REQUEST', { detail: 'The credentials are not Basic credentials.' });
    }
    let target = findAllowed(request.url, request.allowed);
    if (target === null) throw new ServiceError('HOST_NOT_ALLOWED');
    const limits = startLimits(request);
    try {
      let token = request.token;
      let addresses = await limits.within(addressesOf(target));
      for (let redirects = 0; ; redirects++) {
        const response = await exchange({ target, addresses, token, request, agents, limits });
        const location = response.headers.location;
        if (!redirectStatuses.has(response.statusCode ?? 0) || location === undefined) {
          return {
            status: response.statusCode ?? 0,
            headers: plainHeaders(response.headers),
            body: responseBody(response, request.maxBytes, limits),
          };
        }
        response.destroy();
        if (request.method === 'POST') {
          throw new ServiceError('REDIRECT_REFUSED', { detail: 'What is posted follows no redirect.' });
        }
        if (redirects === mostRedirects) {
          throw new ServiceError('REDIRECT_REFUSED', { detail: 'There were too many redirects.' });
        }
        const next = redirectTarget(target.url, location, request);
        addresses = await limits.within(addressesOf(next).catch(refuseRedirect));
        // Whoever can make a server redirect must not be able to choose what the token opens.
        token = undefined;
        target = next;
      }
    } catch (error) {
      limits.stop();
      throw error;
    }
  };
}

function redirectTarget(from: URL, location: string, request: OutboundRequest): AllowedUrl {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href).href : location;
  const next = findAllowed(to, request.allowed);
  if (next === null || (from.protocol === 'https:' && next.url.protocol === 'http:')) {
    throw new ServiceError('REDIRECT_REFUSED');
  }
  return next;
}

function refuseRedirect(cause: unknown): never {
  const refused = cause instanceof ServiceError && cause.code === 'ADDRESS_NOT_ALLOWED';
  throw refused ? new ServiceError('REDIRECT_REFUSED', { cause }) : cause;
}

function plainHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}
