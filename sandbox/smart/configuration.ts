import { randomBytes } from 'node:crypto';
import type { Configuration, JWK, JWKS, KoaContextWithOIDC } from 'oidc-provider';
import type { Addresses } from '../addresses.ts';
import type { SandboxCase } from '../case-file.ts';
import { clientsOf } from './clients.ts';
import type { LaunchContext } from './context.ts';
import type { Launches } from './launches.ts';
import type { OidcLibrary } from './load.ts';
import { createMemory } from './memory.ts';
import { errorPage, stylePathOf } from './pages.ts';
import { appScopes, serviceScopes } from './scopes.ts';
import { userOf } from './users.ts';

/** Seconds that a launch may be refreshed: a working day. */
export const grantLifetime = 8 * 3600;
/** Seconds. @see SMART App Launch 2.2 §Backend Services: expires_in should not exceed 300 */
const lifetimes = { code: 60, serviceToken: 300, interaction: 600 } as const;
/** Seconds that a client's assertion may be valid for. @see SMART App Launch 2.2 §Client authentication: asymmetric */
const longestAssertion = 300;

export interface ConfigurationParts {
  readonly library: OidcLibrary;
  readonly addresses: Addresses;
  readonly cases: readonly SandboxCase[];
  /** Without a trailing slash. */
  readonly foveaBase: string;
  /** Public keys of Fovea in place of those at its address. */
  readonly appKeys: JWKS | null;
  /** Private, for id_tokens (RS256). */
  readonly signingKey: JWK;
  readonly accessTokenSeconds: number;
  readonly launches: Launches;
  /** Remembers a launch until its request is answered. */
  readonly launched: WeakMap<object, LaunchContext>;
  /** Makes and keeps the grant of a launch. @returns its id */
  readonly grant: (clientId: string, asked: ReadonlySet<string>, context: LaunchContext) => Promise<string>;
  /** The context behind a grant. */
  readonly contextOf: (grantId: string | undefined) => LaunchContext | undefined;
}

/** The sandbox's authorization server in the terms of `oidc-provider`. @see SMART App Launch 2.2 */
export function configurationOf(parts: ConfigurationParts): Configuration {
  const { library, addresses, cases, launches, launched, contextOf } = parts;
  const { InvalidClientAuth, InvalidRequest } = library.errors;
  const absolute = (user: string) => `${addresses.fhirServer}/${user}`;

  return {
    adapter: createMemory(),
    clients: clientsOf(parts.foveaBase, parts.appKeys),
    jwks: { keys: [parts.signingKey] },
    scopes: [...appScopes, ...serviceScopes],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'], profile: ['name', 'fhirUser'] },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    clientAuthMethods: ['private_key_jwt', 'client_secret_basic', 'client_secret_post', 'none'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384'], idTokenSigningAlgValues: ['RS256'] },
    pkce: { required: () => true },
    enableHttpPostMethods: true,
    routes: {
      authorization: '/authorize',
      token: '/token',
      jwks: '/jwks',
      introspection: '/introspect',
      revocation: '/revoke',
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      // A resource server's matter, so nothing for a client without a secret of its own.
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client) => client.clientAuthMethod !== 'none',
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      resourceIndicators: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    // An app's page may stand in the EHR's frame: whether its cookies hold there is settled in server.ts.
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      long: { httpOnly: true, sameSite: 'none', signed: true },
      short: { httpOnly: true, sameSite: 'none', signed: true },
    },
    ttl: {
      AccessToken: parts.accessTokenSeconds,
      AuthorizationCode: lifetimes.code,
      ClientCredentials: lifetimes.serviceToken,
      Grant: grantLifetime,
      IdToken: parts.accessTokenSeconds,
      Interaction: lifetimes.interaction,
      RefreshToken: grantLifetime,
      Session: grantLifetime,
    },

    extraParams: {
      aud(ctx, value) {
        keepOfflineAccess(ctx);
        if (value?.replace(/\/+$/, '') !== addresses.fhirServer)
          throw new InvalidRequest(`aud has to be ${addresses.fhirServer}`);
      },
      /** The EHR has signed the user in: nobody is asked anything. */
      launch(ctx, value) {
        if (value === undefined) return;
        const context = launches.take(value);
        if (context === null) throw new InvalidRequest('the launch value is unknown, used or expired');
        launched.set(ctx, context);
        ctx.oidc.session?.loginAccount({ accountId: context.user, transient: true });
      },
    },
    async loadExistingGrant(ctx) {
      const { Grant } = ctx.oidc.provider;
      const consented = ctx.oidc.result?.consent?.grantId;
      if (consented !== undefined) return Grant.find(consented);
      const context = launched.get(ctx);
      if (context === undefined) return undefined;
      const clientId = ctx.oidc.client?.clientId ?? '';
      return Grant.find(await parts.grant(clientId, ctx.oidc.requestParamScopes, context));
    },
    interactions: {
      policy: policyOf(library),
      url: (_ctx, interaction) => `${addresses.issuer}/interaction/${interaction.uid}`,
    },
    async findAccount(_ctx, id) {
      const user = userOf(cases, id);
      return user === null
        ? undefined
        : { accountId: id, claims: () => ({ sub: id, name: user.name, fhirUser: absolute(id) }) };
    },

    // Two launches of one browser have nothing to do with each other.
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client, { scopes }) =>
      client.grantTypeAllowed('refresh_token') &&
      (scopes.has('offline_access') || scopes.has('online_access')),
    rotateRefreshToken: () => true,
    /** Goes into the answer of introspection. @see SMART App Launch 2.2 §Token Introspection */
    extraTokenClaims(_ctx, token) {
      if (token.kind !== 'AccessToken') return undefined;
      const context = contextOf(token.grantId);
      const { scopes, accountId } = token;
      const told = scopes.has('openid') && (scopes.has('fhirUser') || scopes.has('profile'));
      return {
        ...(context?.patientId != null && { patient: context.patientId }),
        ...(context?.encounterId != null && { encounter: context.encounterId }),
        ...(told && accountId !== undefined && { fhirUser: absolute(accountId) }),
      };
    },

    /** @see SMART App Launch 2.2 §Client authentication: asymmetric, steps 4 and 5 */
    assertJwtClientAuthClaimsAndHeader(_ctx, claims, header, client) {
      const now = Math.floor(Date.now() / 1000);
      if (header['typ'] !== 'JWT' || typeof header['kid'] !== 'string')
        throw new InvalidClientAuth('the client assertion needs typ JWT and a kid');
      if (typeof claims['exp'] !== 'number' || claims['exp'] - now > longestAssertion)
        throw new InvalidClientAuth('the client assertion expires in more than five minutes');
      if (header['jku'] !== undefined && header['jku'] !== client.jwksUri)
        throw new InvalidClientAuth('jku is not the registered address of the keys');
    },
    // The one address asked is the operator's own: the library's rule against loopback would refuse it.
    fetch: (url, init) => {
      const { dispatcher: _, ...plain } = (init ?? {}) as RequestInit & { dispatcher?: unknown };
      return fetch(url, { ...plain, redirect: 'error' });
    },
    renderError(ctx, out) {
      const { body, headers } = errorPage(stylePathOf(addresses.issuer), out.error_description ?? out.error);
      ctx.set({ ...headers });
      ctx.body = body;
    },
  };
}

/** One stop at most: who signs in, for which patient, and whether that is allowed. An EHR launch makes none. */
function policyOf({ interactionPolicy: { base, Check } }: OidcLibrary): ReturnType<typeof base> {
  const policy = base();
  for (const prompt of policy) prompt.checks.clear();
  policy
    .get('login')
    ?.checks.add(
      new Check('not_granted', 'the user has to sign in and to agree', 'interaction_required', (ctx) =>
        ctx.oidc.entities.Grant?.jti === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    );
  return policy;
}

/** OpenID Connect drops `offline_access` where `prompt=consent` is missing; SMART knows no such rule. */
function keepOfflineAccess({ oidc, request }: KoaContextWithOIDC): void {
  const { params, body } = oidc;
  const asked = body?.['scope'] ?? request.query['scope'];
  const lost = String(asked ?? '')
    .split(' ')
    .includes('offline_access');
  if (params !== undefined && lost && !oidc.requestParamScopes.has('offline_access'))
    params['scope'] = `${String(params['scope'] ?? '')} offline_access`.trim();
}
