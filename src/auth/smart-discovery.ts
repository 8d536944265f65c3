import { ServiceError } from '#core/error';
import type { OutboundFetch } from '#core/outbound';
import { findAllowed } from './outbound-hosts.ts';
import { fetchJson } from './smart-fetch.ts';
import type { Registration } from './smart-registrations.ts';

/** What an EHR says of its authorization server, checked; every URL absolute and on the registration's list. */
export interface SmartServer {
  /** null: it signs nobody in (no `sso-openid-connect`) and names none. */
  readonly issuer: string | null;
  /** Whether it tells who is signed in. */
  readonly openid: boolean;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly jwksUri: string | null;
  readonly revocationEndpoint: string | null;
  /** Algorithms of an id_token that it may use; one that needs a shared secret or none at all is refused in any case. */
  readonly idTokenAlgorithms: readonly string[];
  /** @see RFC 9207 */
  readonly namesIssuer: boolean;
  readonly capabilities: ReadonlySet<string>;
  readonly scopesSupported: ReadonlySet<string>;
}

/** How long a document is used, milliseconds. A failure is not kept. */
const freshMs = 600_000;

/** Where the server does not say: those that OpenID Connect and SMART ask for. */
const usualAlgorithms = ['RS256', 'RS384', 'ES256', 'ES384'];

export interface DiscoveryOptions {
  readonly outbound: OutboundFetch;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * `.well-known/smart-configuration` of a registered FHIR server, kept for 10 minutes.
 *
 * The function throws ServiceError SMART_SERVER_INVALID, OUTBOUND_…, ADDRESS_NOT_ALLOWED, REDIRECT_REFUSED.
 * @see SMART App Launch 2.2 §Conformance: Metadata
 */
export function createDiscovery({ outbound, timeoutMs, now }: DiscoveryOptions) {
  const kept = new Map<string, { readonly until: number; readonly server: Promise<SmartServer> }>();

  const ask = async (registration: Registration): Promise<SmartServer> =>
    readConfiguration(
      await fetchJson(`${registration.iss}/.well-known/smart-configuration`, {
        outbound,
        allowed: [registration.fhirServer],
        timeoutMs,
      }),
      registration,
    );

  return (registration: Registration): Promise<SmartServer> => {
    const found = kept.get(registration.iss);
    if (found !== undefined && found.until > now()) return found.server;
    const entry = { until: now() + freshMs, server: ask(registration) };
    kept.set(registration.iss, entry);
    entry.server.catch(() => {
      if (kept.get(registration.iss) === entry) kept.delete(registration.iss);
    });
    return entry.server;
  };
}

const invalid = (detail: string): ServiceError => new ServiceError('SMART_SERVER_INVALID', { detail });

/** @throws ServiceError SMART_SERVER_INVALID, naming the member */
function readConfiguration(
  document: Readonly<Record<string, unknown>>,
  registration: Registration,
): SmartServer {
  const endpoint = (name: string): string | null => {
    const value = document[name];
    if (value === undefined || value === null) return null;
    const url = typeof value === 'string' ? absolute(value, registration.iss) : null;
    if (url === null) throw invalid(`Its ${name} is not a URL.`);
    if (findAllowed(url, registration.allowed) === null)
      throw invalid(`Its ${name} is not on authorizationServers.`);
    return url;
  };
  const required = (name: string, value: string | null): string => {
    if (value === null) throw invalid(`Its smart-configuration has no ${name}.`);
    return value;
  };
  const authorizationEndpoint = required('authorization_endpoint', endpoint('authorization_endpoint'));
  const tokenEndpoint = required('token_endpoint', endpoint('token_endpoint'));
  if (!texts(document['code_challenge_methods_supported']).includes('S256'))
    throw invalid('Its code_challenge_methods_supported does not have S256.');
  const capabilities = new Set(texts(document['capabilities']));
  const openid = capabilities.has('sso-openid-connect');
  const issuer =
    typeof document['issuer'] === 'string' && document['issuer'] !== '' ? document['issuer'] : null;
  const jwksUri = endpoint('jwks_uri');
  if (openid) {
    required('issuer', issuer);
    required('jwks_uri', jwksUri);
  }
  const stated = texts(document['id_token_signing_alg_values_supported']);
  return {
    issuer,
    openid,
    authorizationEndpoint,
    tokenEndpoint,
    jwksUri,
    revocationEndpoint: endpoint('revocation_endpoint'),
    idTokenAlgorithms: stated.length === 0 ? usualAlgorithms : stated,
    namesIssuer: document['authorization_response_iss_parameter_supported'] === true,
    capabilities,
    scopesSupported: new Set(texts(document['scopes_supported'])),
  };
}

/** Relative addresses are relative to the FHIR base. @see SMART App Launch 2.2 §Response of smart-configuration */
function absolute(value: string, base: string): string | null {
  return URL.canParse(value, `${base}/`) ? new URL(value, `${base}/`).href : null;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
