import { afterEach, describe, expect, it } from 'vitest';
import { createStudyFetcher } from '#assessment/study-fetcher';
import { createOutboundFetch } from '#auth/outbound';
import type { InstanceReference, SeriesReference, StudyReference } from '#core/imaging';
import type { Manifest } from '#core/model-package';
import type { Tenant } from '#core/tenant';
import { clinicTenant } from '../support/clinic.ts';
import { answer, type Fault, type FaultServer, silence, startFaultServer } from '../support/fault-server.ts';
import { wadoFiles, withToken } from '../support/wado.ts';

const digital = '1.2.840.10008.5.1.4.1.1.1.1';
const report = '1.2.840.10008.5.1.4.1.1.88.11';
const manifest = { selects: { modality: ['DX', 'CR'], sopClass: [digital] } } as unknown as Manifest;

const instance = (uid: string, number: number | null = null, sopClassUid: string | null = digital) =>
  ({ sopInstanceUid: uid, sopClassUid, number }) satisfies InstanceReference;
const series = (
  uid: string,
  instances: readonly InstanceReference[],
  more: Partial<SeriesReference> = {},
) => ({
  seriesInstanceUid: uid,
  modality: 'DX',
  bodySite: null,
  endpoint: null,
  unreadEndpoints: [],
  instances,
  ...more,
});

describe('the instances of a study that a model could read', () => {
  let pacs: FaultServer;
  afterEach(() => pacs.close());

  /** Fetches with a PACS whose files are their own names; stops after `most`. */
  async function fetched(
    faults: Readonly<Record<string, Fault>>,
    study: Partial<StudyReference>,
    { tenant = {} as Partial<Tenant>, token = null as string | null, most = 99, timeoutMs = 5_000 } = {},
  ): Promise<string[]> {
    const prefixed = Object.entries(faults).map(([path, fault]) => [
      path.startsWith('/') ? path : `/wado/studies/1/${path}`,
      fault,
    ]);
    pacs = await startFaultServer(Object.fromEntries(prefixed) as Record<string, Fault>);
    const allowed = [{ base: `${pacs.origin}/wado`, addresses: ['127.0.0.0/8'] }];
    const fhirServer = `${pacs.origin}/fhir`;
    const whole: StudyReference = {
      studyInstanceUid: '1',
      fhirId: null,
      started: null,
      description: null,
      modalities: [],
      endpoint: { address: `${pacs.origin}/wado`, requiresAccessToken: false },
      unreadEndpoints: [],
      series: [],
      numberOfInstances: null,
      ...study,
    };
    const files: string[] = [];
    const found = createStudyFetcher(createOutboundFetch(), timeoutMs)(
      {
        tenant: {
          ...clinicTenant,
          imagingServers: allowed,
          fhirServers: [{ base: fhirServer, addresses: ['127.0.0.0/8'] }],
          ...tenant,
        },
        manifest,
        payload: {
          study: whole,
          patient: { fhirId: 'p1', identifiers: [], birthDate: null, sex: null },
          fhirServer,
        },
        token,
      },
      new AbortController().signal,
    );
    for await (const { bytes } of found) {
      files.push(Buffer.from(bytes).toString());
      if (files.length === most) break;
    }
    return files;
  }
  const file = (name: string) => wadoFiles(Buffer.from(name));
  const asked = () => pacs.requests.map(({ url }) => url.replace('/wado/studies/1/', ''));

  it('come in the order of the record’s series and of their instance numbers', async () => {
    const files = await fetched(
      {
        'series/2/instances/12': file('b'),
        'series/2/instances/11': file('a'),
        'series/3/instances/13': file('c'),
      },
      { series: [series('2', [instance('11', 2), instance('12', 1)]), series('3', [instance('13')])] },
    );
    expect(files).toEqual(['b', 'a', 'c']);
  });

  it('the next one is asked for only when the one before was not enough', async () => {
    const study = { series: [series('2', [instance('11', 1), instance('12', 2)])] };
    await fetched({ 'series/2/instances/11': file('a') }, study, { most: 1 });
    expect(asked()).toEqual(['series/2/instances/11']);
  });

  it('neither a series of another modality nor an instance of another SOP class is fetched', async () => {
    const files = await fetched(
      { 'series/2/instances/11': file('a'), 'series/5/instances/24': file('x') },
      {
        series: [
          series('2', [instance('11'), instance('18', 0, report)]),
          series('3', [instance('12')], { modality: 'SR' }),
          series('4', [instance('13', 1, report)]),
          series('5', [instance('24', 1, null)], { modality: null }),
        ],
      },
    );
    expect(files).toEqual(['a', 'x']);
    expect(asked()).toEqual(['series/2/instances/11', 'series/5/instances/24']);
  });

  it('a series whose instances are not listed, or of more than eight, is streamed whole', async () => {
    const nine = Array.from({ length: 9 }, (_, index) => instance(String(index), index));
    const files = await fetched(
      {
        'series/2': wadoFiles(Buffer.from('a'), Buffer.from('b')),
        'series/3': wadoFiles(Buffer.from('c')),
      },
      { series: [series('2', []), series('3', nine)] },
    );
    expect(files).toEqual(['a', 'b', 'c']);
    expect(asked()).toEqual(['series/2', 'series/3']);
  });

  it('a record without series is looked up at the imaging server', async () => {
    const value = (vr: string, one: unknown) => ({ vr, Value: [one] });
    const found = [
      {
        '0020000D': value('UI', '1'),
        '0020000E': value('UI', '2'),
        '00080018': value('UI', '7'),
        '00080016': value('UI', digital),
        '00080060': value('CS', 'DX'),
      },
    ];
    const files = await fetched(
      {
        instances: answer(200, { 'content-type': 'application/dicom+json' }, JSON.stringify(found)),
        'series/2/instances/7': file('a'),
      },
      {},
    );
    expect(files).toEqual(['a']);
  });

  it('a study that the imaging server does not know is DICOMWEB_NOT_FOUND', async () => {
    await expect(fetched({ instances: answer(204) }, {})).rejects.toMatchObject({
      code: 'DICOMWEB_NOT_FOUND',
    });
  });

  it('without an Endpoint and without a default server of the tenant: ENDPOINT_MISSING', async () => {
    const study = { endpoint: null, series: [series('2', [instance('11')])] };
    await expect(fetched({}, study)).rejects.toMatchObject({ code: 'ENDPOINT_MISSING' });
    expect(pacs.requests).toEqual([]);
  });

  it('the Endpoint of a series goes before that of its study', async () => {
    const other = await startFaultServer({ '/other/studies/1/series/2/instances/11': file('a') });
    try {
      const files = await fetched(
        {},
        {
          series: [
            series('2', [instance('11')], {
              endpoint: { address: `${other.origin}/other`, requiresAccessToken: false },
            }),
          ],
        },
        { tenant: { imagingServers: [{ base: `${other.origin}/other`, addresses: ['127.0.0.0/8'] }] } },
      );
      expect(files).toEqual(['a']);
    } finally {
      await other.close();
    }
  });

  it('the tenant’s limit is for the study as a whole', async () => {
    const large = wadoFiles(Buffer.alloc(600, 'x'));
    const study = { series: [series('2', [instance('11', 1), instance('12', 2)])] };
    await expect(
      fetched({ 'series/2/instances/11': large, 'series/2/instances/12': large }, study, {
        tenant: { maxStudyBytes: 1200 },
      }),
    ).rejects.toMatchObject({ code: 'DICOMWEB_TOO_LARGE' });
  });

  it('a host that the tenant does not list is never asked', async () => {
    const study = { series: [series('2', [instance('11')])] };
    await expect(
      fetched({ 'series/2/instances/11': file('a') }, study, {
        tenant: { imagingServers: [{ base: 'https://pacs.example' }] },
      }),
    ).rejects.toMatchObject({ code: 'HOST_NOT_ALLOWED' });
    expect(pacs.requests).toEqual([]);
  });

  describe('whose Endpoint the record only refers to', () => {
    const study = {
      endpoint: null,
      unreadEndpoints: ['Endpoint/1'],
      series: [series('2', [instance('11')])],
    };
    const fhir: Fault = (incoming, response) => {
      const endpoint = {
        resourceType: 'Endpoint',
        id: '1',
        status: 'active',
        connectionType: { code: 'dicom-wado-rs' },
        address: `http://${incoming.headers.host}/wado`,
      };
      answer(200, { 'content-type': 'application/fhir+json' }, JSON.stringify(endpoint))(incoming, response);
    };

    it('it is read from the call’s FHIR server with the call’s token, and the token stays there', async () => {
      const files = await fetched(
        { '/fhir/Endpoint/1': withToken('secret', fhir), 'series/2/instances/11': file('a') },
        study,
        { token: 'secret' },
      );
      expect(files).toEqual(['a']);
      expect(pacs.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', undefined]);
    });

    it.each([
      ['refuses', 'FHIR_UNAUTHORIZED', answer(401)],
      ['fails', 'FHIR_UNAVAILABLE', answer(500)],
      ['hangs', 'OUTBOUND_TIMEOUT', silence],
    ])('a FHIR server that %s: %s', async (_what, code, fault) => {
      await expect(fetched({ '/fhir/Endpoint/1': fault }, study, { timeoutMs: 200 })).rejects.toMatchObject({
        code,
      });
    });
  });
});
