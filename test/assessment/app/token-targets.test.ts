import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPeople } from '#assessment/app/people';
import { createEhr, type Ehr } from '#assessment/app/record';
import { createOutboundFetch } from '#auth/outbound';
import type { AppSession } from '#core/app-ports';
import { silentLog } from '#core/log';
import { clinicTenant, imagingStudy, patientRecord } from '../../support/clinic.ts';
import { answer, type FaultServer, redirect, startFaultServer } from '../../support/fault-server.ts';
import { listed } from '../../support/outbound.ts';

const token = 'a-token-of-the-ehr';
const json = { 'content-type': 'application/fhir+json' };
const resource = (content: unknown) => answer(200, json, JSON.stringify(content));

let ehr: FaultServer;
let other: FaultServer;
let read: Ehr;
let session: AppSession;
beforeAll(async () => {
  other = await startFaultServer({});
  const bundle = {
    resourceType: 'Bundle',
    type: 'searchset',
    link: [{ relation: 'next', url: `${other.origin}/fhir/ImagingStudy?page=2` }],
    entry: [
      {
        resource: {
          ...imagingStudy({ uid: '1.2.3', endpoint: { reference: `${other.origin}/fhir/Endpoint/1` } }),
        },
      },
    ],
  };
  ehr = await startFaultServer({
    '/fhir/Patient/p1': resource(patientRecord()),
    '/fhir/ImagingStudy': resource(bundle),
    '/fhir/DiagnosticReport': resource({ resourceType: 'Bundle', type: 'searchset' }),
    '/fhir/Practitioner/moved': redirect(`${other.origin}/fhir/Practitioner/moved`),
  });
  // The worst case: the tenant lists both servers.
  const tenant = { ...clinicTenant, fhirServers: listed(`${ehr.origin}/fhir`, `${other.origin}/fhir`) };
  read = createEhr({ outbound: createOutboundFetch(), log: silentLog });
  session = {
    launch: 'l1',
    tenant,
    fhirServer: `${ehr.origin}/fhir`,
    user: { name: null, reference: 'Practitioner/moved' },
    patientId: 'p1',
    grant: { scopes: ['patient/*.rs'] } as unknown as AppSession['grant'],
    expiresAt: new Date(Date.now() + 60_000),
    accessToken: async () => token,
  };
});
afterAll(async () => {
  await ehr.close();
  await other.close();
});

it('S13 the token goes to the EHR of the launch and to no server that its records refer to, one of the list too', async () => {
  const record = await read.record(session);
  expect(record).toMatchObject({ incomplete: true, studies: [{ studyInstanceUid: '1.2.3' }] });
  const outcomes = await Promise.allSettled([
    read.read(session, `${other.origin}/fhir/Practitioner/2`),
    read.search(session, `${other.origin}/fhir/Patient?_count=1`, 2),
    createPeople({ log: silentLog }, read)(session),
    createPeople(
      { log: silentLog },
      read,
    )({ ...session, user: { name: null, reference: `${other.origin}/fhir/Practitioner/2` } }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
  expect(ehr.requests.length).toBeGreaterThan(3);
  for (const { url, headers } of ehr.requests) expect(headers.authorization, url).toBe(`Bearer ${token}`);
  expect(other.requests).toEqual([]);
});
