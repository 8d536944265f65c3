import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWK } from 'oidc-provider';
import type { SandboxOptions } from '#sandbox/plugin';
import { type SandboxServer, startSandbox } from '../sandbox-server.ts';

export const callback = 'http://fovea.example/app/callback';

export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The sandbox at an address of its own, and a client of it that is nothing but fetch. */
export interface SmartEhr {
  readonly sandbox: SandboxServer;
  /** Address of the authorization server. */
  readonly auth: string;
  readonly fhir: string;
  /** `POST ehr/launches`. */
  launch(
    order: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly launch: string; readonly address: string }>;
  /** Parameters of an authorization request with what every one of them needs. @param more `undefined` leaves one out */
  request(more?: Readonly<Record<string, string | undefined>>): URLSearchParams;
  /** Sends it; @returns the query of the redirect to the app, or null where the browser is led elsewhere */
  authorize(parameters: URLSearchParams, method?: 'GET' | 'POST'): Promise<URLSearchParams | null>;
  /** Changes a code for tokens as `fovea-app` with a signed assertion, or as another client. */
  exchange(code: string, client?: Client): Promise<TokenAnswer>;
  token(parameters: Readonly<Record<string, string>>, client?: Client): Promise<TokenAnswer>;
  /** A whole EHR launch. @returns the token answer's body */
  open(order: Readonly<Record<string, unknown>>, scope?: string): Promise<Readonly<Record<string, unknown>>>;
  /** Another endpoint that takes client authentication. */
  post(endpoint: string, parameters: Readonly<Record<string, string>>, client?: Client): Promise<Response>;
  /** A client assertion. */
  assertion(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  get(path: string, token?: unknown): Promise<Response>;
  close(): Promise<void>;
}

export type Client = 'fovea-app' | 'fovea-app-public' | 'fovea-app-secret' | 'fovea-backend';

export const appScope =
  'launch openid fhirUser online_access patient/Patient.rs patient/ImagingStudy.rs patient/DiagnosticReport.rs patient/Endpoint.rs';

/** @param options with a `foveaBase` Fovea's keys are read there; else they are given */
export async function startSmartEhr(options: Partial<SandboxOptions> = {}): Promise<SmartEhr> {
  const { publicKey, privateKey } = await generateKeyPair('ES384');
  const key: JWK = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES384', use: 'sig' } as JWK;
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const sandbox = await startSandbox(
    {
      publicBase: base,
      foveaBase: 'http://fovea.example',
      ...(options.foveaBase === undefined && { appKeys: { keys: [key] } }),
      ...options,
    },
    port,
  );
  const auth = `${base}/sandbox/auth`;
  const fhir = `${base}/sandbox/fhir`;
  const verifier = randomBytes(32).toString('base64url');

  const assertion: SmartEhr['assertion'] = (claims = {}, header = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const all = {
      iss: 'fovea-app',
      sub: 'fovea-app',
      aud: `${auth}/token`,
      jti: randomUUID(),
      iat: now,
      exp: now + 240,
      ...claims,
    };
    return new SignJWT(all)
      .setProtectedHeader({ alg: 'ES384', typ: 'JWT', kid: 'test', ...header })
      .sign(privateKey);
  };
  const post: SmartEhr['post'] = async (endpoint, parameters, client = 'fovea-app') => {
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams(parameters);
    if (client === 'fovea-app-public') body.set('client_id', client);
    else if (client === 'fovea-app-secret') {
      const secret = 'for-the-sandbox-only-and-therefore-not-secret';
      headers['authorization'] = `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`;
    } else if (!body.has('client_assertion')) {
      body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      body.set('client_assertion', await assertion({ iss: client, sub: client }));
    }
    return fetch(`${auth}/${endpoint}`, { method: 'POST', headers, body });
  };
  const token: SmartEhr['token'] = async (parameters, client) => {
    const answer = await post('token', parameters, client);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const ehr: SmartEhr = {
    sandbox,
    auth,
    fhir,
    assertion,
    post,
    token,
    async launch(order) {
      const answer = await fetch(`${base}/sandbox/ehr/launches`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user: 'Practitioner/demo', ...order }),
      });
      if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
      return (await answer.json()) as { launch: string; address: string };
    },
    request(more = {}) {
      const all = {
        response_type: 'code',
        client_id: 'fovea-app',
        redirect_uri: callback,
        scope: appScope,
        state: 'the-state',
        nonce: (more['scope'] ?? appScope).split(' ').includes('openid') ? 'the-nonce' : undefined,
        aud: fhir,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        ...more,
      };
      return new URLSearchParams(
        Object.entries(all).filter((one): one is [string, string] => one[1] !== undefined),
      );
    },
    async authorize(parameters, method = 'GET') {
      const answer =
        method === 'GET'
          ? await fetch(`${auth}/authorize?${parameters}`, { redirect: 'manual' })
          : await fetch(`${auth}/authorize`, { method, body: parameters, redirect: 'manual' });
      const location = answer.headers.get('location') ?? '';
      return location.startsWith(callback) ? new URL(location).searchParams : null;
    },
    exchange: (code, client) =>
      token(
        { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: verifier },
        client,
      ),
    async open(order, scope = appScope) {
      const { launch } = await ehr.launch(order);
      const answer = await ehr.authorize(ehr.request({ launch, scope }));
      const { status, body } = await ehr.exchange(answer?.get('code') ?? '');
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)} ${answer}`);
      return body;
    },
    get: (path, bearer) =>
      fetch(`${base}/sandbox/${path}`, {
        headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      }),
    close: () => sandbox.close(),
  };
  return ehr;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
