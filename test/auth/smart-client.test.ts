import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import { createSmartClient } from '#auth/smart-client';
import { makeSmartKeys, type SmartKeys } from '#auth/smart-keys';
import type { SmartClient, SmartGrant } from '#core/app-ports';
import type { SmartRegistration } from '#core/tenant';
import { coded } from '../support/outbound.ts';
import { redirectUri, type SmartEhr, startSmartEhr } from '../support/smart-ehr.ts';

const secret = 'a secret: with+signs & more, 32 characters';
let keys: SmartKeys;
let folder: string;
let secretFile: string;
let ehr: SmartEhr;

const common = {
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
} satisfies Partial<ClientMetadata>;

beforeAll(async () => {
  keys = await makeSmartKeys();
  folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-smart-'));
  secretFile = path.join(folder, 'secret');
  writeFileSync(secretFile, `${secret}\n`);
  ehr = await startSmartEhr({ clients: clients(), context: launchContext });
});
afterAll(async () => {
  await ehr.close();
  rmSync(folder, { recursive: true, force: true });
});

const launchContext = {
  patient: 'pat-1',
  encounter: 'enc-1',
  fhirContext: [{ reference: 'ImagingStudy/i1' }, { reference: 'Task/t1', role: 'launch' }],
  need_patient_banner: false,
  intent: 'see-image',
  appContext: '{"assessment":"<script>1</script>"}',
};

function clients(): ClientMetadata[] {
  const jwks = keys.published as unknown as NonNullable<ClientMetadata['jwks']>;
  return [
    { ...common, client_id: 'none', token_endpoint_auth_method: 'none' },
    {
      ...common,
      client_id: 'client_secret_basic',
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_basic',
    },
    {
      ...common,
      client_id: 'client_secret_post',
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_post',
    },
    {
      ...common,
      client_id: 'ES384',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES384',
      jwks,
    },
    {
      ...common,
      client_id: 'RS384',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS384',
      jwks,
    },
  ];
}

function authenticationOf(clientId: string): SmartRegistration['authentication'] {
  if (clientId === 'none') return { method: 'none' };
  if (clientId === 'ES384' || clientId === 'RS384') return { method: 'private_key_jwt', algorithm: clientId };
  return { method: clientId as 'client_secret_basic' | 'client_secret_post', secretFile };
}

function clientAt(at: SmartEhr, clientId: string, now?: () => number): SmartClient {
  return createSmartClient({
    tenants: [at.tenant(clientId, authenticationOf(clientId))],
    outbound: createOutboundFetch(),
    keys,
    ...(now !== undefined && { now }),
  });
}

const launchAt = (at: SmartEhr, launch: string | null = 'l-1') =>
  ({ iss: at.iss, launch, context: 'patient', redirectUri }) as const;

async function signedIn(client: SmartClient, at: SmartEhr): Promise<SmartGrant> {
  const { authorize, pending } = await client.begin(launchAt(at));
  return client.finish(pending, await at.signIn(authorize));
}

describe('a launch against oidc-provider', () => {
  it.each(['none', 'client_secret_basic', 'client_secret_post', 'ES384', 'RS384'])(
    'S10 S8 S11 client authentication %s: signs in, verifies the id_token, refreshes with rotation, revokes',
    async (method) => {
      const client = clientAt(ehr, method);
      const grant = await signedIn(client, ehr);
      expect(grant).toMatchObject({ subject: 'p1', fhirUser: 'Practitioner/p1', patient: 'pat-1' });
      expect(grant.refreshToken).not.toBeNull();
      expect(grant.expiresAt).toBeGreaterThan(Date.now());

      const renewed = await client.refresh('clinic', ehr.iss, grant);
      expect(renewed.accessToken).not.toBe(grant.accessToken);
      expect(renewed.refreshToken).not.toBe(grant.refreshToken);
      expect(renewed).toMatchObject({ patient: 'pat-1', fhirUser: 'Practitioner/p1', scopes: grant.scopes });

      await client.revoke('clinic', ehr.iss, renewed);
      await expect(client.refresh('clinic', ehr.iss, renewed)).rejects.toEqual(coded('SMART_SESSION_ENDED'));
    },
  );

  it('S10 the assertion: iss = sub = client_id, aud = token endpoint, 5 minutes at most, its own jti, kid, typ, no jku', async () => {
    const before = ehr.forms.length;
    const client = clientAt(ehr, 'ES384');
    await signedIn(client, ehr);
    await signedIn(client, ehr);
    const assertions = ehr.forms.slice(before).map((form) => form.get('client_assertion') ?? '');
    expect(assertions).toHaveLength(2);
    const published = createLocalJWKSet(client.jwks() as unknown as Parameters<typeof createLocalJWKSet>[0]);
    for (const assertion of assertions) {
      const { payload, protectedHeader } = await jwtVerify(assertion, published);
      expect(protectedHeader).toEqual({ alg: 'ES384', kid: keys.signing('ES384')?.kid, typ: 'JWT' });
      expect(payload).toMatchObject({
        iss: 'ES384',
        sub: 'ES384',
        aud: `${ehr.authorizationServer}/token`,
      });
      expect((payload.exp as number) - Date.now() / 1000).toBeLessThanOrEqual(300);
    }
    expect(new Set(assertions.map((one) => decodeJwt(one).jti)).size).toBe(2);
  });

  it('S10 client_secret_basic: the secret is form-encoded in Authorization and not in the body', async () => {
    const before = ehr.forms.length;
    await signedIn(clientAt(ehr, 'client_secret_basic'), ehr);
    const [, encoded = ''] = (ehr.credentials[before] ?? '').split('Basic ');
    const [id, sent] = Buffer.from(encoded, 'base64').toString().split(':');
    expect(new URLSearchParams(`s=${sent}`).get('s')).toBe(secret);
    expect(new URLSearchParams(`s=${id}`).get('s')).toBe('client_secret_basic');
    expect(ehr.forms[before]?.has('client_secret')).toBe(false);
  });

  it('S1 an iss that no tenant lists is refused and nothing is asked; with or without a slash at its end it is the same', async () => {
    const asked: string[] = [];
    const outbound = createOutboundFetch();
    const client = createSmartClient({
      tenants: [ehr.tenant('none', { method: 'none' })],
      keys: null,
      outbound: (request) => {
        asked.push(request.url);
        return outbound(request);
      },
    });
    for (const iss of [`${ehr.iss}/evil`, 'https://evil.example/fhir', '', `${ehr.iss}?x=1`, 'not a URL']) {
      await expect(client.begin({ ...launchAt(ehr), iss })).rejects.toEqual(coded('SMART_ISS_NOT_ALLOWED'));
    }
    expect(asked).toEqual([]);
    const { authorize, pending } = await client.begin({ ...launchAt(ehr), iss: `${ehr.iss}/` });
    expect(pending.iss).toBe(ehr.iss);
    expect(authorize.parameters['aud']).toBe(`${ehr.iss}/`);
    expect(asked).toEqual([`${ehr.iss}/.well-known/smart-configuration`]);
    await expect(
      client.refresh('another', ehr.iss, {} as SmartGrant),
      'the tenant is checked too',
    ).rejects.toEqual(coded('SMART_ISS_NOT_ALLOWED'));
  });

  it('S3 S4 PKCE S256 on every authorization, with all that the request must say', async () => {
    const client = clientAt(ehr, 'none');
    const launches = await Promise.all([
      client.begin(launchAt(ehr)),
      client.begin(launchAt(ehr, null)),
      client.begin({ ...launchAt(ehr, null), context: 'worklist' }),
    ]);
    for (const { authorize, pending } of launches) {
      expect(authorize.method).toBe('GET');
      const url = new URL(authorize.url);
      expect(url.origin + url.pathname).toBe(`${ehr.authorizationServer}/auth`);
      expect(Object.fromEntries(url.searchParams)).toEqual(authorize.parameters);
      expect(authorize.parameters).toMatchObject({
        response_type: 'code',
        client_id: 'none',
        redirect_uri: redirectUri,
        aud: ehr.iss,
        code_challenge_method: 'S256',
        state: pending.state,
        nonce: pending.nonce,
        scope: pending.scopes.join(' '),
      });
      expect(authorize.parameters['code_challenge']).toMatch(/^[\w-]{43}$/);
      expect(inspect(authorize)).not.toContain(pending.codeVerifier);
      for (const secret of [pending.state, pending.nonce, pending.codeVerifier])
        expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    }
    expect(launches.map(({ authorize }) => authorize.parameters['launch'])).toEqual([
      'l-1',
      undefined,
      undefined,
    ]);
    const all = launches.flatMap(({ pending }) => [pending.state, pending.nonce, pending.codeVerifier]);
    expect(new Set(all).size).toBe(9);
  });

  it('S3 a code does not open anything with another verifier', async () => {
    const client = clientAt(ehr, 'none');
    const [one, other] = await Promise.all([client.begin(launchAt(ehr)), client.begin(launchAt(ehr))]);
    const answer = await ehr.signIn(one.authorize);
    const swapped = { ...one.pending, codeVerifier: other.pending.codeVerifier };
    await expect(client.finish(swapped, answer)).rejects.toEqual(coded('SMART_LAUNCH_REFUSED'));
  });

  it('S3 a request of more than 2,000 characters is posted, and the EHR takes it', async () => {
    const client = clientAt(ehr, 'none');
    const { authorize, pending } = await client.begin(launchAt(ehr, 'x'.repeat(2_000)));
    expect(authorize).toMatchObject({ method: 'POST', url: `${ehr.authorizationServer}/auth` });
    const grant = await client.finish(pending, await ehr.signIn(authorize));
    expect(grant.patient).toBe('pat-1');
  });

  it('S5 a forged, missing or foreign state is refused before the code goes anywhere', async () => {
    const client = clientAt(ehr, 'none');
    const { authorize, pending } = await client.begin(launchAt(ehr));
    const answer = await ehr.signIn(authorize);
    const before = ehr.forms.length;
    const { state, ...stateless } = answer;
    for (const forged of [
      stateless,
      { ...answer, state: '' },
      { ...answer, state: `${state}x` },
      { ...answer, state: (await client.begin(launchAt(ehr))).pending.state },
      { ...answer, iss: 'https://evil.example' },
      { error: 'access_denied' },
    ])
      await expect(client.finish(pending, forged as Record<string, string>)).rejects.toEqual(
        coded('SMART_STATE_INVALID'),
      );
    expect(ehr.forms).toHaveLength(before);
    await expect(client.finish(pending, answer)).resolves.toMatchObject({ patient: 'pat-1' });
  });

  it('S5 a code that was used before is refused, and so is an answer without one', async () => {
    const client = clientAt(ehr, 'none');
    const { authorize, pending } = await client.begin(launchAt(ehr));
    const answer = await ehr.signIn(authorize);
    await client.finish(pending, answer);
    await expect(client.finish(pending, answer)).rejects.toEqual(coded('SMART_LAUNCH_REFUSED'));
    await expect(client.finish(pending, { state: pending.state })).rejects.toEqual(
      coded('SMART_SERVER_INVALID'),
    );
  });

  it('S9 the launch context arrives', async () => {
    const { accessToken, refreshToken, expiresAt, scopes, ...rest } = await signedIn(
      clientAt(ehr, 'none'),
      ehr,
    );
    expect(rest).toEqual({
      fhirUser: 'Practitioner/p1',
      subject: 'p1',
      patient: 'pat-1',
      encounter: 'enc-1',
      fhirContext: [
        { reference: 'ImagingStudy/i1', role: null },
        { reference: 'Task/t1', role: 'launch' },
      ],
      needPatientBanner: false,
      styleUrl: null,
      intent: 'see-image',
      appContext: launchContext.appContext,
    });
  });

  it('S11 what a refresh cannot bring while the token lives leaves the grant as it was, and ends it after', async () => {
    let time = Date.now();
    const client = clientAt(ehr, 'none', () => time);
    const grant = await signedIn(client, ehr);
    const gone = createSmartClient({
      tenants: [ehr.tenant('none', { method: 'none' })],
      keys: null,
      now: () => time,
      outbound: () => Promise.reject(new TypeError('a fault here')),
    });
    await expect(gone.refresh('clinic', ehr.iss, grant)).resolves.toBe(grant);
    time = grant.expiresAt + 1;
    await expect(gone.refresh('clinic', ehr.iss, grant)).rejects.toEqual(coded('INTERNAL'));
    await expect(client.refresh('clinic', ehr.iss, { ...grant, refreshToken: null })).rejects.toEqual(
      coded('SMART_SESSION_ENDED'),
    );
    await expect(client.refresh('clinic', ehr.iss, { ...grant, refreshToken: 'made-up' })).rejects.toEqual(
      coded('SMART_SESSION_ENDED'),
    );
    await expect(client.refresh('clinic', ehr.iss, { ...grant, patient: 'another' })).rejects.toEqual(
      coded('SMART_SESSION_ENDED'),
    );
  });
});

describe('an EHR that does less', () => {
  it('S7 the scopes are those that were granted, not those that were asked for', async () => {
    const stingy = await startSmartEhr({
      clients: clients(),
      grants: (scope) => !/Endpoint|DiagnosticReport/.test(scope),
    });
    try {
      const client = clientAt(stingy, 'none');
      const { authorize, pending } = await client.begin(launchAt(stingy));
      expect(pending.scopes).toContain('patient/Endpoint.rs');
      const grant = await client.finish(pending, await stingy.signIn(authorize));
      expect(grant.scopes).toContain('patient/ImagingStudy.rs');
      expect(grant.scopes.join(' ')).not.toMatch(/Endpoint|DiagnosticReport/);
      expect(grant).toMatchObject({ patient: null, needPatientBanner: true, fhirContext: [] });
    } finally {
      await stingy.close();
    }
  });

  it('the user says no: the launch is refused, and the words of the EHR are not repeated', async () => {
    const strict = await startSmartEhr({ clients: clients(), refuses: true });
    try {
      const client = clientAt(strict, 'none');
      const { authorize, pending } = await client.begin(launchAt(strict));
      const answer = await strict.signIn(authorize);
      expect(answer['error_description']).toBe('<b>no</b>');
      const failure = await client.finish(pending, answer).catch((error: unknown) => error);
      expect(failure).toEqual(coded('SMART_LAUNCH_REFUSED'));
      expect(inspect(failure, { depth: 9 })).not.toContain('<b>');
      const unknown = await client
        .finish(pending, { ...answer, error: '__proto__' })
        .catch((error: unknown) => error);
      expect(unknown).toMatchObject({ code: 'SMART_LAUNCH_REFUSED', detail: undefined });
    } finally {
      await strict.close();
    }
  });
});
