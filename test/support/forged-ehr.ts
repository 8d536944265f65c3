import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createOutboundFetch } from '#auth/outbound';
import { createSmartClient } from '#auth/smart-client';
import type { SmartClient, SmartGrant } from '#core/app-ports';
import type { SmartRegistration } from '#core/tenant';
import { answer, type Fault, type FaultServer } from './fault-server.ts';
import { start } from './outbound.ts';
import { redirectUri, smartTenant } from './smart-ehr.ts';

type Members = Readonly<Record<string, unknown>>;

/** How the EHR departs from what is right. */
export interface Forgery {
  /** Members that take the place of those of smart-configuration; undefined takes one away. */
  readonly configuration?: (origin: string) => Members;
  /** The whole answer to smart-configuration. */
  readonly discovery?: Fault;
  /** Members that take the place of those of the token answer; undefined takes one away. */
  readonly token?: Members;
  /** The whole answer of the token endpoint. */
  readonly tokenEndpoint?: Fault;
  /** Claims that take the place of those of the id_token; undefined takes one away. */
  readonly claims?: Members;
  /** Of the id_token, in place of one signed by the EHR's key. */
  readonly idToken?: (usual: Members) => string | Promise<string>;
  readonly jwks?: Fault;
  readonly revocation?: Fault;
  readonly authentication?: SmartRegistration['authentication'];
}

export interface ForgedEhr {
  readonly client: SmartClient;
  readonly server: FaultServer;
  readonly iss: string;
  /** Departs anew, from now on. */
  forge(forgery: Forgery): void;
  /** A launch from begin to finish. */
  launch(): Promise<SmartGrant>;
  /** Moves the clock, milliseconds. */
  later(by: number): void;
}

export const clientId = 'app';

/** RS256 keys of the EHR and of somebody else. */
export async function makeForgedKeys(): Promise<{ readonly own: CryptoKey; readonly foreign: CryptoKey }> {
  const [own, foreign] = await Promise.all([1, 2].map(() => generateKeyPair('RS256', { extractable: true })));
  return { own: own?.privateKey as CryptoKey, foreign: foreign?.privateKey as CryptoKey };
}

export const sign = (claims: Members, key: CryptoKey, header: Members = {}): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header }).sign(key);

const json = (value: unknown): Fault =>
  answer(200, { 'content-type': 'application/json' }, JSON.stringify(value));

/**
 * An EHR that can be made to say anything, closed after the test.
 * @param timeoutMs how long the client waits for one answer of it; short where it is to be silent
 */
export async function startForgedEhr(
  { own }: { readonly own: CryptoKey },
  first: Forgery = {},
  timeoutMs = 10_000,
): Promise<ForgedEhr> {
  let forgery = first;
  let nonce = '';
  let skew = 0;
  const { kty, n, e } = await exportJWK(own);
  const issuer = () => server.origin;
  const respond: Fault = async (request, response) => {
    request.resume();
    const usual = {
      iss: issuer(),
      sub: 'user-1',
      aud: clientId,
      nonce,
      exp: Math.floor(Date.now() / 1000) + 300,
      iat: Math.floor(Date.now() / 1000),
      fhirUser: `${issuer()}/fhir/Practitioner/1`,
      ...forgery.claims,
    };
    const members = {
      access_token: 'token-1',
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: 'refresh-1',
      scope: 'launch openid fhirUser patient/Patient.rs',
      patient: 'pat-1',
      id_token: await (forgery.idToken ?? ((claims) => sign(claims, own)))(usual),
      ...forgery.token,
    };
    json(members)(request, response);
  };
  const server = await start({
    '/fhir/.well-known/smart-configuration': (request, response) => {
      const usual = {
        issuer: issuer(),
        authorization_endpoint: `${issuer()}/authorize`,
        token_endpoint: `${issuer()}/token`,
        revocation_endpoint: `${issuer()}/revoke`,
        jwks_uri: `${issuer()}/jwks`,
        code_challenge_methods_supported: ['S256'],
        capabilities: ['launch-ehr', 'sso-openid-connect', 'permission-v2'],
        ...forgery.configuration?.(issuer()),
      };
      (forgery.discovery ?? json(usual))(request, response);
    },
    '/token': (request, response) => (forgery.tokenEndpoint ?? respond)(request, response),
    '/jwks': (request, response) =>
      (forgery.jwks ?? json({ keys: [{ kty, n, e, kid: 'k1', alg: 'RS256', use: 'sig' }] }))(
        request,
        response,
      ),
    '/revoke': (request, response) => (forgery.revocation ?? answer(200))(request, response),
  });
  const iss = `${server.origin}/fhir`;
  const client = createSmartClient({
    tenants: [smartTenant(clientId, iss, server.origin, first.authentication ?? { method: 'none' })],
    outbound: createOutboundFetch(),
    keys: null,
    now: () => Date.now() + skew,
    timeoutMs,
  });
  return {
    client,
    server,
    iss,
    forge(next) {
      forgery = next;
    },
    async launch() {
      const { pending } = await client.begin({ iss, launch: 'l-1', context: 'patient', redirectUri });
      nonce = pending.nonce;
      return client.finish(pending, { code: 'code-1', state: pending.state });
    },
    later(by) {
      skew += by;
    },
  };
}
