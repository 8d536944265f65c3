import { afterEach, describe, expect, it } from 'vitest';
import { createRecordReader } from '#assessment/record';
import { sandboxTenant } from '#assessment/sandbox-tenant';
import { createOutboundFetch } from '#auth/outbound';
import type { HookCall } from '#cds/types';
import type { Tenant } from '#core/tenant';
import { clinicTenant } from '../support/clinic.ts';
import { answer, type FaultServer, startFaultServer } from '../support/fault-server.ts';

const patient = { resourceType: 'Patient', id: 'p1' };
const token = {
  accessToken: 'secret',
  expiresInSeconds: 300,
  scope: 'patient/*.rs',
  subject: 'cds-client',
};

let server: FaultServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

/** A call of `tenant` that names an open FHIR server, which answers whoever asks. */
async function callOf(tenant: Tenant, authorization: HookCall<Tenant>['authorization'] = null) {
  server = await startFaultServer({
    '/fhir/Patient/p1': answer(200, { 'content-type': 'application/fhir+json' }, JSON.stringify(patient)),
  });
  const fhirServer = `${server.origin}/fhir`;
  const call: HookCall<Tenant> = {
    client: { ...tenant, fhirServers: [{ base: fhirServer, addresses: ['127.0.0.0/8'] }] },
    serviceId: 'demo',
    hook: 'patient-view',
    hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
    context: { userId: 'Practitioner/9', patientId: 'p1' },
    fhirServer,
    authorization,
    arrivedAt: performance.now(),
    fhirBytes: { left: 2 ** 24 },
    signal: new AbortController().signal,
  };
  return { call, asked: server.requests, reader: createRecordReader(createOutboundFetch()) };
}

describe('the record of a call that names a FHIR server and no token', () => {
  it('is not read for a hospital: what an open server answers proves no access of the caller', async () => {
    const { call, asked, reader } = await callOf(clinicTenant);
    await expect(reader.fetch(call, 'Patient/p1')).rejects.toMatchObject({ code: 'PREFETCH_UNMET' });
    expect(asked).toEqual([]);
  });

  it('is read for the sandbox, whose record is nobody’s', async () => {
    const { call, asked, reader } = await callOf(sandboxTenant('http://localhost:3000'));
    expect(await reader.fetch(call, 'Patient/p1')).toEqual(patient);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });
});

it('with a token the record is read with that token', async () => {
  const { call, asked, reader } = await callOf(clinicTenant, token);
  expect(await reader.fetch(call, 'Patient/p1')).toEqual(patient);
  expect(asked[0]?.headers.authorization).toBe('Bearer secret');
});
