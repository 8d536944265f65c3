import type { CapabilityStatement } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SmartEhr, startSmartEhr } from './smart-ehr.ts';

let ehr: SmartEhr;

beforeAll(async () => {
  ehr = await startSmartEhr({ tokens: 'required' });
});
afterAll(() => ehr.close());

describe('discovery of the SMART EHR', () => {
  it('needs no token, may be read from any page, and names what there is', async () => {
    const answer = await ehr.get('fhir/.well-known/smart-configuration');
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    const found = (await answer.json()) as Record<string, string & string[]>;
    expect(found).toMatchObject({
      issuer: ehr.auth,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
    for (const capability of [
      'launch-ehr',
      'launch-standalone',
      'authorize-post',
      'client-public',
      'client-confidential-symmetric',
      'client-confidential-asymmetric',
      'context-ehr-patient',
      'context-ehr-encounter',
      'context-standalone-patient',
      'context-banner',
      'context-style',
      'permission-patient',
      'permission-user',
      'permission-offline',
      'permission-v2',
      'permission-v1',
      'sso-openid-connect',
    ])
      expect(found['capabilities']).toContain(capability);
    const { keys } = (await (await fetch(found['jwks_uri'] ?? '')).json()) as { keys: object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toHaveProperty('d');
  });

  it('S17 names imaging access, and the DICOMweb servers that belong to it', async () => {
    const answer = await ehr.get('fhir/.well-known/smart-configuration');
    expect(await answer.json()).toMatchObject({
      capabilities: expect.arrayContaining(['smart-imaging-access']),
      associated_endpoints: [
        { url: expect.stringMatching(/\/sandbox\/dicomweb$/), capabilities: ['smart-imaging-access'] },
        { url: expect.stringMatching(/\/sandbox\/dicomweb-slow$/), capabilities: ['smart-imaging-access'] },
      ],
    });
  });

  it('is the same in the CapabilityStatement and at the authorization server', async () => {
    const smart = (await (await ehr.get('fhir/.well-known/smart-configuration')).json()) as Record<
      string,
      unknown
    >;
    const statement = (await (await ehr.get('fhir/metadata')).json()) as CapabilityStatement;
    const security = statement.rest?.[0]?.security;
    expect(security?.service?.[0]?.coding?.[0]?.code).toBe('SMART-on-FHIR');
    const [oauth, ...capabilities] = security?.extension ?? [];
    expect(Object.fromEntries((oauth?.extension ?? []).map(({ url, valueUri }) => [url, valueUri]))).toEqual({
      authorize: smart['authorization_endpoint'],
      token: smart['token_endpoint'],
      introspect: smart['introspection_endpoint'],
      revoke: smart['revocation_endpoint'],
    });
    expect(capabilities.map(({ valueCode }) => valueCode)).toEqual(smart['capabilities']);
    const server = await (await fetch(`${ehr.auth}/.well-known/openid-configuration`)).json();
    expect(server).toMatchObject(
      Object.fromEntries(
        [
          'issuer',
          'jwks_uri',
          'authorization_endpoint',
          'token_endpoint',
          'introspection_endpoint',
          'revocation_endpoint',
          'code_challenge_methods_supported',
        ].map((name) => [name, smart[name]]),
      ),
    );
  });

  it('names no scope that it does not know', async () => {
    const { scopes_supported } = (await (await ehr.get('fhir/.well-known/smart-configuration')).json()) as {
      scopes_supported: string[];
    };
    const forApps = scopes_supported.filter((scope) => !scope.startsWith('system/'));
    const { launch } = await ehr.launch({ patientId: 'patient-1' });
    const answer = await ehr.authorize(ehr.request({ launch, scope: forApps.join(' ') }));
    const { body } = await ehr.exchange(answer?.get('code') ?? '');
    expect(new Set(String(body['scope']).split(' '))).toEqual(new Set(forApps));
  });

  it('the key set of the CDS client JWT is where it was, with its own key', async () => {
    const cds = (await (await ehr.get('auth/jwks.json')).json()) as { keys: { kid: string }[] };
    const own = (await (await ehr.get('auth/jwks')).json()) as { keys: { kid: string }[] };
    expect(cds.keys).toHaveLength(1);
    expect(own.keys.map(({ kid }) => kid)).not.toContain(cds.keys[0]?.kid);
  });
});
