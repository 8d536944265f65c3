import { createHash, timingSafeEqual } from 'node:crypto';
import * as client from 'openid-client';
import type { PendingLaunch, SmartClient, SmartGrant } from '#core/app-ports';
import { ServiceError } from '#core/error';
import type { OutboundFetch } from '#core/outbound';
import type { Tenant } from '#core/tenant';
import { createDiscovery, type SmartServer } from './smart-discovery.ts';
import { oauthError, refused, smartFailure } from './smart-failure.ts';
import { createSmartFetch } from './smart-fetch.ts';
import { readGrant, readPatient, readScopes, readStyleUrl, readTokens } from './smart-grant.ts';
import type { SmartKeys } from './smart-keys.ts';
import { type Registration, readRegistrations, withoutSlash } from './smart-registrations.ts';
import { scopesFor } from './smart-scopes.ts';

export interface SmartClientOptions {
  readonly tenants: readonly Tenant[];
  readonly outbound: OutboundFetch;
  /** null: none; no registration may then use `private_key_jwt`. */
  readonly keys: SmartKeys | null;
  /**
   * Milliseconds since the epoch, for the end of a grant and of what is kept. Assertions are signed and id_tokens are
   * verified by the clock of the machine, which other servers share.
   */
  readonly now?: () => number;
  /** Longest time of one exchange with an authorization server, milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Characters of a URL that every browser and proxy takes; a longer request is posted where the EHR takes that. */
const longestUrl = 2_000;

/** How far clocks may be apart, seconds. */
const clockTolerance = 60;

/**
 * Signing in at the EHRs that the tenants list, by openid-client.
 * @throws ServiceError CONFIG_INVALID here, for registrations that cannot work
 * @see SMART App Launch 2.2, OpenID Connect Core 1.0, RFC 7009, RFC 7636, RFC 9207
 */
export function createSmartClient({
  tenants,
  outbound,
  keys,
  now = Date.now,
  timeoutMs = 10_000,
}: SmartClientOptions): SmartClient {
  const registrations = readRegistrations(tenants, keys);
  const discover = createDiscovery({ outbound, timeoutMs, now });
  const published = keys?.published ?? { keys: [] };
  const configurations = new WeakMap<SmartServer, client.Configuration>();

  /** One for each document that was discovered: it keeps the keys of the server. */
  const configure = (registration: Registration, server: SmartServer): client.Configuration => {
    const found = configurations.get(server);
    if (found !== undefined) return found;
    const made = configurationOf(registration, server, { outbound, timeoutMs });
    configurations.set(server, made);
    return made;
  };

  const of = (tenant: string, iss: string): Registration => {
    const registration = registrations.get(withoutSlash(iss));
    if (registration?.tenant !== tenant) throw new ServiceError('SMART_ISS_NOT_ALLOWED');
    return registration;
  };

  const renew = async (registration: Registration, grant: SmartGrant): Promise<SmartGrant> => {
    const { refreshToken } = grant;
    if (refreshToken === null) throw new ServiceError('SMART_SESSION_ENDED');
    const server = await discover(registration);
    const response = await client.refreshTokenGrant(configure(registration, server), refreshToken);
    const patient = readPatient(response['patient']) ?? grant.patient;
    const subject = response.claims()?.sub ?? grant.subject;
    if (patient !== grant.patient || subject !== grant.subject) {
      throw new ServiceError('SMART_SESSION_ENDED', { detail: 'The EHR has changed patient or user.' });
    }
    const tokens = readTokens(response, now());
    return {
      ...grant,
      ...tokens,
      refreshToken: tokens.refreshToken ?? refreshToken,
      scopes: response.scope === undefined ? grant.scopes : readScopes(response.scope),
      styleUrl: readStyleUrl(response['smart_style_url'], registration.iss) ?? grant.styleUrl,
    };
  };

  return {
    async begin({ iss, launch, context, redirectUri }) {
      const registration = registrations.get(withoutSlash(iss));
      if (registration === undefined) throw new ServiceError('SMART_ISS_NOT_ALLOWED');
      const server = await discover(registration);
      const pending: PendingLaunch = {
        tenant: registration.tenant,
        iss: registration.iss,
        state: client.randomState(),
        nonce: client.randomNonce(),
        codeVerifier: client.randomPKCECodeVerifier(),
        redirectUri: new URL(redirectUri).href,
        scopes: scopesFor(server, { launched: launch !== null, context }),
      };
      const parameters = {
        response_type: 'code',
        client_id: registration.clientId,
        redirect_uri: pending.redirectUri,
        scope: pending.scopes.join(' '),
        state: pending.state,
        // As the launch wrote it: servers compare it with their own.
        aud: iss,
        code_challenge: await client.calculatePKCECodeChallenge(pending.codeVerifier),
        code_challenge_method: 'S256',
        ...(launch !== null && { launch }),
        ...(server.openid && { nonce: pending.nonce }),
      };
      const url = client.buildAuthorizationUrl(configure(registration, server), parameters).href;
      const post = url.length > longestUrl && server.capabilities.has('authorize-post');
      return {
        authorize: post
          ? { method: 'POST', url: server.authorizationEndpoint, parameters }
          : { method: 'GET', url, parameters },
        pending,
      };
    },

    async finish(pending, answer) {
      const { state, iss: issuer, error, code } = answer;
      if (state === undefined || !sameText(state, pending.state))
        throw new ServiceError('SMART_STATE_INVALID');
      const registration = of(pending.tenant, pending.iss);
      const server = await discover(registration);
      checkIssuer(issuer, server);
      if (error !== undefined) throw refused(error);
      if (code === undefined || code === '')
        throw new ServiceError('SMART_SERVER_INVALID', { detail: 'Its answer has no authorization code.' });
      const url = new URL(pending.redirectUri);
      url.searchParams.set('code', code);
      url.searchParams.set('state', state);
      if (issuer !== undefined && server.issuer !== null) url.searchParams.set('iss', issuer);
      try {
        const response = await client.authorizationCodeGrant(configure(registration, server), url, {
          pkceCodeVerifier: pending.codeVerifier,
          expectedState: pending.state,
          ...(pending.scopes.includes('openid') && { expectedNonce: pending.nonce }),
        });
        const { iss, scopes } = pending;
        return readGrant({ response, claims: response.claims(), iss, scopes, now: now() });
      } catch (failure) {
        throw smartFailure(failure);
      }
    },

    async refresh(tenant, iss, grant) {
      try {
        return await renew(of(tenant, iss), grant);
      } catch (failure) {
        const coded = smartFailure(failure);
        if (['SMART_SESSION_ENDED', 'SMART_TOKEN_INVALID', 'SMART_ISS_NOT_ALLOWED'].includes(coded.code))
          throw coded;
        if (oauthError(failure) === 'invalid_grant') throw new ServiceError('SMART_SESSION_ENDED');
        if (grant.expiresAt > now()) return grant;
        throw coded.code === 'SMART_LAUNCH_REFUSED' ? new ServiceError('SMART_SESSION_ENDED') : coded;
      }
    },

    async revoke(tenant, iss, grant) {
      try {
        const registration = of(tenant, iss);
        const server = await discover(registration);
        if (server.revocationEndpoint === null) return;
        const configuration = configure(registration, server);
        const revoked = (token: string, hint: string) =>
          client.tokenRevocation(configuration, token, { token_type_hint: hint });
        await Promise.allSettled([
          ...(grant.refreshToken === null ? [] : [revoked(grant.refreshToken, 'refresh_token')]),
          revoked(grant.accessToken, 'access_token'),
        ]);
      } catch (_failure) {
        // The session here ends in any case, and the token at its own end: there is nobody who could do more.
      }
    },

    jwks: () => published,
  };
}

function configurationOf(
  registration: Registration,
  server: SmartServer,
  { outbound, timeoutMs }: { readonly outbound: OutboundFetch; readonly timeoutMs: number },
): client.Configuration {
  const configuration = new client.Configuration(
    {
      // The library asks for one; without OpenID Connect nothing is compared with it.
      issuer: server.issuer ?? registration.iss,
      authorization_endpoint: server.authorizationEndpoint,
      token_endpoint: server.tokenEndpoint,
      id_token_signing_alg_values_supported: [...server.idTokenAlgorithms],
      ...(server.jwksUri !== null && { jwks_uri: server.jwksUri }),
      ...(server.revocationEndpoint !== null && { revocation_endpoint: server.revocationEndpoint }),
    },
    registration.clientId,
    { [client.clockTolerance]: clockTolerance },
    registration.authenticate,
  );
  configuration[client.customFetch] = createSmartFetch({
    outbound,
    allowed: registration.allowed,
    timeoutMs,
    json: [server.tokenEndpoint],
  });
  // Which server may be asked over plain http is said by the tenant's list.
  client.allowInsecureRequests(configuration);
  client.enableNonRepudiationChecks(configuration);
  return configuration;
}

/** An answer that another server gave is not of this launch. @see RFC 9207 §2.4 */
function checkIssuer(issuer: string | undefined, server: SmartServer): void {
  if (issuer === undefined ? server.namesIssuer : server.issuer !== null && issuer !== server.issuer)
    throw new ServiceError('SMART_STATE_INVALID', { detail: 'It names another authorization server.' });
}

/** In a time that does not tell where two texts differ. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
