import type { Bundle, CapabilityStatement, Endpoint, ImagingStudy, Patient } from '@medplum/fhirtypes';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxPlugin } from '#sandbox/plugin';
import { type StandInCases, writeStandInCases } from './stand-in-cases.ts';

let data: StandInCases;
let app: FastifyInstance;

beforeAll(async () => {
  data = writeStandInCases();
  app = Fastify();
  await app.register(sandboxPlugin, {
    prefix: '/sandbox',
    publicBase: 'http://ehr.example',
    foveaBase: 'http://127.0.0.1:9',
    dataFolder: data.folder,
    chartFolder: data.folder,
    tokens: 'optional',
  });
});
afterAll(async () => {
  await app.close();
  data.remove();
});

async function get<T>(path: string, status = 200): Promise<T> {
  const answer = await app.inject(`/sandbox/fhir/${path}`);
  expect(answer.statusCode, answer.body).toBe(status);
  expect(answer.headers['content-type']).toContain('application/fhir+json');
  return answer.json<T>();
}
const resources = <T>(bundle: Bundle) => (bundle.entry ?? []).map(({ resource }) => resource as T);

describe('the FHIR server of the sandbox', () => {
  it('reads a patient with the record number that the DICOM files carry', async () => {
    const patient = await get<Patient>('Patient/patient-1');
    expect(patient.identifier?.[0]?.value).toBe('MRN-1000');
    expect(patient.birthDate).toBe('2023-01-11');
  });

  it('answers 404 with an OperationOutcome for a resource and for a type it does not hold', async () => {
    expect(await get('Patient/nobody', 404)).toMatchObject({ resourceType: 'OperationOutcome' });
    expect(await get('Basic?code=x', 404)).toMatchObject({ resourceType: 'OperationOutcome' });
  });

  it.each(['patient=patient-1', 'patient=Patient/patient-1', 'subject=Patient/patient-1'])(
    'finds the imaging studies of one patient by %s, newest first',
    async (query) => {
      const bundle = await get<Bundle>(`ImagingStudy?${query}&_sort=-started&_count=50`);
      const studies = resources<ImagingStudy>(bundle);
      expect(bundle.total).toBe(2);
      expect(studies.map(({ started }) => started?.slice(0, 10))).toEqual(['2026-11-20', '2026-11-19']);
      expect(studies[0]?.identifier?.[0]).toMatchObject({
        system: 'urn:dicom:uid',
        value: 'urn:oid:2.25.1000',
      });
      expect(studies[0]?.endpoint).toEqual([{ reference: 'Endpoint/normal' }]);
    },
  );

  it('gives Endpoints by reference, by _include and, in one case, contained', async () => {
    const endpoint = await get<Endpoint>('Endpoint/slow');
    expect(endpoint.address).toBe('http://ehr.example/sandbox/dicomweb-slow');
    const included = await get<Bundle>('ImagingStudy?patient=patient-2&_include=ImagingStudy:endpoint');
    expect(included.entry?.map(({ search }) => search?.mode)).toEqual(['match', 'include']);
    const [contained] = resources<ImagingStudy>(await get<Bundle>('ImagingStudy?patient=patient-4'));
    expect(contained?.endpoint).toEqual([{ reference: '#pacs' }]);
    expect(contained?.contained?.[0]).toMatchObject({ resourceType: 'Endpoint', id: 'pacs' });
    const [foreign] = resources<ImagingStudy>(await get<Bundle>('ImagingStudy?patient=patient-3'));
    expect(foreign?.endpoint).toEqual([{ reference: 'Endpoint/foreign' }]);
  });

  it('gives an empty Bundle for a patient without imaging', async () => {
    expect(await get<Bundle>('ImagingStudy?patient=patient-5')).toMatchObject({
      resourceType: 'Bundle',
      total: 0,
    });
  });

  it('pages with next links that lead to the rest', async () => {
    const first = await get<Bundle>('ImagingStudy?patient=patient-1&_sort=-started&_count=1');
    const next = first.link?.find(({ relation }) => relation === 'next')?.url ?? '';
    expect(next).toMatch(/^http:\/\/ehr\.example\/sandbox\/fhir\/ImagingStudy\?/);
    const second = await get<Bundle>(next.slice('http://ehr.example/sandbox/fhir/'.length));
    expect(resources<ImagingStudy>(second)[0]?.id).toBe('patient-1-2');
    expect(second.link?.map(({ relation }) => relation)).toEqual(['self']);
  });

  it('finds a study by its UID and holds the order, the open report and the problem', async () => {
    const study = await get<Bundle>('ImagingStudy?identifier=urn:dicom:uid|urn:oid:2.25.1001');
    expect(resources<ImagingStudy>(study)[0]?.id).toBe('patient-1-2');
    for (const type of ['ServiceRequest', 'DiagnosticReport', 'Condition']) {
      expect((await get<Bundle>(`${type}?patient=patient-2`)).total, type).toBe(1);
    }
  });

  it('S18 finds studies by when they changed and by their UID alone', async () => {
    const total = async (query: string) => (await get<Bundle>(`ImagingStudy?${query}`)).total;
    expect(await total('patient=patient-1&_lastUpdated=gt2020-01-01')).toBe(2);
    expect(await total('patient=patient-1&_lastUpdated=gt2100-01-01')).toBe(0);
    expect(await total('identifier=urn:oid:2.25.1001')).toBe(1);
  });

  it('creates a resource, which is found afterwards', async () => {
    const created = await app.inject({
      method: 'POST',
      url: '/sandbox/fhir/ServiceRequest',
      headers: { 'content-type': 'application/fhir+json' },
      payload: JSON.stringify({
        resourceType: 'ServiceRequest',
        status: 'active',
        intent: 'order',
        subject: { reference: 'Patient/patient-5' },
      }),
    });
    expect(created.statusCode, created.body).toBe(201);
    const { id } = created.json<{ id: string }>();
    expect(created.headers.location).toBe(`http://ehr.example/sandbox/fhir/ServiceRequest/${id}`);
    expect((await get<Bundle>('ServiceRequest?patient=patient-5')).total).toBe(1);
  });

  it('refuses a body of another type and one that is not JSON', async () => {
    const post = (payload: string) =>
      app.inject({
        method: 'POST',
        url: '/sandbox/fhir/Patient',
        headers: { 'content-type': 'application/fhir+json' },
        payload,
      });
    expect((await post('{"resourceType":"Basic"}')).statusCode).toBe(400);
    const broken = await post('{');
    expect(broken.statusCode).toBe(400);
    expect(broken.json()).toMatchObject({ resourceType: 'OperationOutcome' });
  });

  it('says what it can do', async () => {
    const { rest } = await get<CapabilityStatement>('metadata');
    expect(rest?.[0]?.resource?.map(({ type }) => type)).toContain('ImagingStudy');
  });
});
