import type { EventEmitter } from 'node:events';
import { exportJWK, generateKeyPair } from 'jose';
import type { JWK, JWKS, KoaContextWithOIDC, Provider } from 'oidc-provider';
import { bearerToken, type Grant, type TokenCheck } from '../access-tokens.ts';
import { type Addresses, isOnThisMachine } from '../addresses.ts';
import type { SandboxCase } from '../case-file.ts';
import { configurationOf, grantLifetime } from './configuration.ts';
import { type LaunchContext, launchParameters } from './context.ts';
import type { Launches } from './launches.ts';
import { loadOidcLibrary } from './load.ts';
import { grantedScopes } from './scopes.ts';

/** The authorization server of the sandbox. It is made when it is first needed. */
export interface SmartServer {
  readonly launches: Launches;
  /** Tokens that it issued: held against its store, in process. */
  readonly tokens: TokenCheck;
  open(): Promise<Opened>;
}

export interface Opened {
  readonly provider: Provider;
  /** Answers a raw request to the public address. */
  readonly handle: ReturnType<Provider['callback']>;
  /** Keeps what a user agreed to. @returns the id of the grant */
  grant(clientId: string, asked: ReadonlySet<string>, context: LaunchContext): Promise<string>;
}

export interface SmartServerOptions {
  readonly addresses: Addresses;
  readonly cases: readonly SandboxCase[];
  /** Without a trailing slash. */
  readonly foveaBase: string;
  readonly appKeys: JWKS | null;
  readonly accessTokenSeconds: number;
  readonly launches: Launches;
  /** Told of what should not happen. @param name of the error, nothing of the request */
  readonly fault: (name: string) => void;
}

export function createSmartServer(options: SmartServerOptions): SmartServer {
  let opened: Promise<Opened> | null = null;
  return {
    launches: options.launches,
    open() {
      opened ??= openServer(options);
      return opened;
    },
    tokens: {
      async check(authorization) {
        if (authorization === undefined) return { kind: 'none' };
        const token = bearerToken(authorization);
        // Before it is opened it has issued nothing.
        const grant =
          token === undefined || opened === null ? null : await grantBehind((await opened).provider, token);
        return grant === null ? { kind: 'refused' } : { kind: 'granted', grant };
      },
    },
  };
}

async function openServer(options: SmartServerOptions): Promise<Opened> {
  const { addresses, fault } = options;
  const library = await loadOidcLibrary();
  const contexts = new Map<string, { readonly context: LaunchContext; readonly until: number }>();
  const launched = new WeakMap<object, LaunchContext>();
  const grant: Opened['grant'] = async (clientId, asked, context) => {
    const made = new provider.Grant({ accountId: context.user, clientId });
    made.addOIDCScope([...grantedScopes(asked, context)]);
    const id = await made.save();
    for (const [old, { until }] of contexts) if (until <= Date.now()) contexts.delete(old);
    contexts.set(id, { context, until: Date.now() + grantLifetime * 1000 });
    return id;
  };
  const contextOf = (grantId: string | undefined) =>
    grantId === undefined ? undefined : contexts.get(grantId)?.context;
  const provider = new library.Provider(
    addresses.issuer,
    configurationOf({
      ...options,
      library,
      launched,
      grant,
      contextOf,
      signingKey: await createIdTokenKey(),
    }),
  );
  // Koa believes X-Forwarded-*, which auth-routes.ts sets to the public address.
  provider.proxy = true;
  provider.on('grant.destroyed', (gone) => contexts.delete(gone.jti));
  provider.on('grant.revoked', (_ctx, id) => contexts.delete(id));
  provider.on('server_error', (_ctx, error) => fault(error.name));
  // Koa's own event, which the library's types leave out; without a listener Koa writes to stderr.
  (provider as EventEmitter).on('error', (error: Error) => fault(error.name));
  const partitioned = keepsCookiesInFrames(addresses.issuer);
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as KoaContextWithOIDC;
    cookiesFor(ctx as KoaContextWithOIDC, partitioned);
    const context = oidc?.route === 'token' ? contextOf(oidc.entities.AccessToken?.grantId) : undefined;
    if (context !== undefined && ctx.status === 200)
      ctx.body = { ...(ctx.body as object), ...launchParameters(context, addresses.base) };
  });
  return { provider, handle: provider.callback(), grant };
}

/** What a token of this server opens; null where it is unknown, expired or revoked. */
async function grantBehind(provider: Provider, token: string): Promise<Grant | null> {
  const service = await provider.ClientCredentials.find(token);
  if (service?.isValid) return { patientId: null, scope: service.scope ?? '' };
  const found = await provider.AccessToken.find(token);
  if (!found?.isValid || found.grantId === undefined) return null;
  if ((await provider.Grant.find(found.grantId)) === undefined) return null;
  const patient = found.extra?.['patient'];
  return {
    patientId: typeof patient === 'string' ? patient : null,
    scope: found.scope ?? '',
    user: found.accountId,
  };
}

async function createIdTokenKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' } as JWK;
}

/** Over TLS, and on this machine, where browsers take Secure cookies over plain http. */
function keepsCookiesInFrames(issuer: string): boolean {
  return issuer.startsWith('https:') || isOnThisMachine(issuer);
}

/**
 * The library knows no `Partitioned`, without which a frame of another site keeps no cookie. Its session cookie is
 * for single sign-on, which this server does not do: each launch says anew who the user is.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#partitioned
 */
function cookiesFor(ctx: KoaContextWithOIDC, partitioned: boolean): void {
  const set = ([] as string[]).concat((ctx.response.get('set-cookie') as string | string[]) || []);
  if (set.length === 0) return;
  const kept = set
    .filter((cookie) => !cookie.startsWith('_session'))
    .map((cookie) => cookie.replace(/; samesite=none|; secure/gi, ''))
    .map((cookie) => cookie + (partitioned ? '; SameSite=None; Secure; Partitioned' : '; SameSite=Lax'));
  if (kept.length === 0) ctx.remove('set-cookie');
  else ctx.set('set-cookie', kept);
}
