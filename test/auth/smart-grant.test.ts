import type { TokenEndpointResponse } from 'openid-client';
import { describe, expect, it } from 'vitest';
import { readGrant } from '#auth/smart-grant';

const iss = 'https://ehr.example/fhir';
const grantOf = (members: Readonly<Record<string, unknown>>) =>
  readGrant({
    response: { access_token: 'token', token_type: 'bearer', ...members } as TokenEndpointResponse,
    claims: undefined,
    iss,
    scopes: ['launch'],
    now: 1_000,
  });

describe('the grant out of a token answer', () => {
  it.each([
    ['https://ehr.example/style.json', 'https://ehr.example/style.json'],
    ['http://ehr.example/style.json', null],
    ['https://user@ehr.example/style.json', null],
    ['https://ehr.example/ style.json', null],
    ['/style.json', null],
    [`https://ehr.example/${'x'.repeat(3_000)}`, null],
  ])('S9 smart_style_url %s of an EHR over TLS is read as %j', (smart_style_url, expected) => {
    expect(grantOf({ smart_style_url }).styleUrl).toBe(expected);
  });

  it('S9 more than a launch can need counts as missing', () => {
    const grant = grantOf({
      fhirContext: Array.from({ length: 1_000 }, (_, at) => ({ reference: `ImagingStudy/${at}` })),
      appContext: 'x'.repeat(10_000),
      intent: 'x'.repeat(1_000),
      scope: `${'x'.repeat(1_000)} openid "quoted" ${'a '.repeat(1_000)}`,
    });
    expect(grant.fhirContext).toHaveLength(100);
    expect(grant).toMatchObject({ appContext: null, intent: null, expiresAt: 301_000 });
    expect(grant.scopes).toHaveLength(200);
    expect(grant.scopes.slice(0, 2)).toEqual(['openid', 'a']);
  });

  it('S9 a reference to a server whose address only begins like that of the EHR is not made relative', () => {
    const { fhirContext } = grantOf({
      fhirContext: [
        { reference: `${iss}-evil/ImagingStudy/1` },
        { reference: `${iss}/ImagingStudy/1/_history/2` },
        { reference: `${iss}/ImagingStudy/1` },
      ],
    });
    expect(fhirContext.map(({ reference }) => reference)).toEqual([
      `${iss}-evil/ImagingStudy/1`,
      null,
      'ImagingStudy/1',
    ]);
  });
});
