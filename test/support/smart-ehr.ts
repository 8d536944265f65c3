import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type { ClientMetadata, Configuration } from 'oidc-provider';
import type { AuthorizationRequest } from '#core/app-ports';
import type { SmartRegistration, Tenant } from '#core/tenant';
import { listed } from './outbound.ts';

/** Where the tests' app is sent back to. Nothing listens there: {@link SmartEhr.signIn} gives what would arrive. */
export const redirectUri = 'http://localhost:3999/app/callback';

export interface SmartEhr {
  /** FHIR base. */
  readonly iss: string;
  readonly authorizationServer: string;
  /** Forms that the token endpoint got, in order. */
  readonly forms: readonly URLSearchParams[];
  /** Headers `Authorization` that the token endpoint got, in order. */
  readonly credentials: readonly (string | undefined)[];
  /** Goes the way of a user's browser who says yes to everything. @returns the query of the redirect */
  signIn(request: AuthorizationRequest): Promise<Record<string, string>>;
  tenant(id: string, authentication: SmartRegistration['authentication']): Tenant;
  close(): Promise<void>;
}

export interface SmartEhrOptions {
  readonly clients: readonly ClientMetadata[];
  /** Which of the scopes asked for are granted. Default: all. */
  readonly grants?: (scope: string) => boolean;
  /** Members of each token answer. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Whether the user says no. */
  readonly refuses?: boolean;
}

const contextScopes = ['openid', 'fhirUser', 'launch', 'launch/patient', 'online_access'];
const types = ['Patient', 'ImagingStudy', 'DiagnosticReport', 'Endpoint', 'Practitioner'];

/** A FHIR base with smart-configuration and an authorization server by oidc-provider, on loopback. */
export async function startSmartEhr(options: SmartEhrOptions): Promise<SmartEhr> {
  const forms: URLSearchParams[] = [];
  const credentials: (string | undefined)[] = [];
  let handle: http.RequestListener = (_request, response) => response.writeHead(503).end();
  const server = http.createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const iss = `${origin}/fhir`;
  const { Provider } = await import('oidc-provider');
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const { grants = () => true } = options;

  const provider = new Provider(origin, {
    clients: [...options.clients],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'ehr-1' }] },
    scopes: [
      ...contextScopes,
      ...['patient', 'user'].flatMap((level) => types.map((type) => `${level}/${type}.rs`)),
    ],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    pkce: { required: () => true },
    enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384'] },
    extraParams: ['launch', 'aud'],
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true, allowedPolicy: () => true },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
    },
    cookies: {
      keys: [randomBytes(32).toString('hex')],
      long: { sameSite: 'none' },
      short: { sameSite: 'none' },
    },
    enableHttpPostMethods: true,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: async (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('online_access'),
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 3600,
      Session: 3600,
    },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, fhirUser: `${iss}/Practitioner/${id}` }),
    }),
  } satisfies Configuration);
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token' && ctx.status === 200)
      ctx.body = { ...(ctx.body as object), ...(options.context ?? {}) };
  });

  const consent = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const { params, prompt, grantId } = await provider.interactionDetails(request, response);
    if (options.refuses === true)
      return provider.interactionFinished(request, response, {
        error: 'access_denied',
        error_description: '<b>no</b>',
      });
    if (prompt.name === 'login')
      return provider.interactionFinished(request, response, { login: { accountId: 'p1' } });
    const grant =
      (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
      new provider.Grant({ accountId: 'p1', clientId: String(params['client_id']) });
    grant.addOIDCScope(String(params['scope']).split(' ').filter(grants).join(' '));
    // What is not granted is said no to, else it would be asked for again.
    grant.rejectOIDCScope(
      String(params['scope'])
        .split(' ')
        .filter((scope) => !grants(scope))
        .join(' '),
    );
    return provider.interactionFinished(request, response, {
      consent: { grantId: await grant.save() },
    });
  };
  const callback = provider.callback();
  handle = (request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    if (path === '/fhir/.well-known/smart-configuration') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(configuration));
    } else if (path.startsWith('/interaction/')) {
      consent(request, response).catch((error) => response.writeHead(500).end(String(error)));
    } else {
      if (path === '/token') {
        credentials.push(request.headers.authorization);
        const chunks: Buffer[] = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => forms.push(new URLSearchParams(Buffer.concat(chunks).toString())));
      }
      callback(request, response);
    }
  };
  const configuration = {
    issuer: origin,
    // Relative to the FHIR base, as SMART allows.
    authorization_endpoint: '../auth',
    token_endpoint: `${origin}/token`,
    revocation_endpoint: `${origin}/token/revocation`,
    jwks_uri: `${origin}/jwks`,
    code_challenge_methods_supported: ['S256'],
    capabilities: [
      'launch-ehr',
      'launch-standalone',
      'sso-openid-connect',
      'permission-v2',
      'permission-online',
      'authorize-post',
    ],
  };

  return {
    iss,
    authorizationServer: origin,
    forms,
    credentials,
    signIn: (request) => browse(request, origin),
    tenant: (id, authentication) => smartTenant(id, iss, origin, authentication),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A tenant with one registration; everything of it on loopback. */
export function smartTenant(
  clientId: string,
  iss: string,
  authorizationServer: string,
  authentication: SmartRegistration['authentication'],
): Tenant {
  return {
    id: 'clinic',
    name: 'Clinic',
    clients: [],
    anonymous: false,
    fhirServers: listed(iss),
    imagingServers: [],
    smart: [
      {
        iss,
        clientId,
        authentication,
        authorizationServers: listed(authorizationServer),
        frameAncestors: [],
        idleSeconds: 1800,
      },
    ],
    prevalence: {},
    lookbackDays: 365,
    quietSeconds: 0,
    showLow: true,
    maxStudyBytes: 2 ** 28,
  };
}

/** A browser: it keeps cookies and follows redirects, until one leads to the app. */
async function browse(request: AuthorizationRequest, origin: string): Promise<Record<string, string>> {
  const cookies = new Map<string, string>();
  let url = request.url;
  let form: URLSearchParams | undefined =
    request.method === 'POST' ? new URLSearchParams(request.parameters) : undefined;
  for (let step = 0; step < 10; step++) {
    const answer = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      ...(form !== undefined && { body: form }),
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] as string).split('=');
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`no redirect: ${answer.status} ${await answer.text()}`);
    const next = new URL(location, origin);
    if (next.href.startsWith(redirectUri)) return Object.fromEntries(next.searchParams);
    url = next.href;
    form = undefined;
  }
  throw new Error('too many redirects');
}
