import { expect, it } from 'vitest';
import { sandboxTenant } from '#assessment/sandbox-tenant';
import { appLink } from '#compose/app';

const tenant = sandboxTenant('http://localhost:3000');

it.each([
  ['the EHR that has registered it', 'http://localhost:3000/sandbox/fhir'],
  ['the same with a slash', 'http://localhost:3000/sandbox/fhir/'],
])('a card of %s opens the app at its assessment', (_whose, fhirServer) => {
  expect(appLink('http://localhost:3000', tenant, fhirServer, 'a1')).toEqual({
    url: 'http://localhost:3000/app/launch',
    appContext: '{"assessment":"a1"}',
  });
});

it.each([
  ['another EHR of the tenant', 'https://r4.smarthealthit.org'],
  ['a call without FHIR server', null],
])('a card of %s has no link to it', (_whose, fhirServer) => {
  expect(appLink('http://localhost:3000', tenant, fhirServer, 'a1')).toBeNull();
});
