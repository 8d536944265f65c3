import { describe, expect, it } from 'vitest';
import { requiresAccessTokenExtension } from '#core/identifiers';
import { type ReadImagingStudiesOptions, readImagingStudies } from '#fhir/imaging-study';

const server = 'https://ehr.example.org/fhir';

const endpoint = (id: string, more: object = {}) => ({
  resourceType: 'Endpoint',
  id,
  status: 'active',
  connectionType: {
    system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
    code: 'dicom-wado-rs',
  },
  payloadType: [{ text: 'DICOM' }],
  address: `https://pacs.example.org/${id}`,
  ...more,
});

const study = (more: object = {}) => ({
  resourceType: 'ImagingStudy',
  id: 's1',
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
  status: 'available',
  subject: { reference: 'Patient/p1' },
  started: '2026-11-20T10:30:00+01:00',
  ...more,
});

const bundle = (...resources: object[]) => ({
  resourceType: 'Bundle',
  type: 'searchset',
  entry: resources.map((resource) => ({ resource })),
});

const read = (resource: unknown, more: Partial<ReadImagingStudiesOptions> = {}) =>
  readImagingStudies(resource, { patientId: 'p1', server, ...more });

describe('ImagingStudy (R4)', () => {
  it('a study with its series and instances', async () => {
    const { studies, ...counts } = await read(
      bundle(
        study({
          description: 'Chest',
          modality: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'DX' }],
          numberOfInstances: 2,
          series: [
            {
              uid: '1.2.3.4',
              modality: { code: 'DX' },
              bodySite: { system: 'http://snomed.info/sct', code: '51185008', display: 'Chest' },
              instance: [
                {
                  uid: '1.2.3.4.5',
                  sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.1.1' },
                  number: 1,
                },
                { uid: 'urn:oid:1.2.3.4.6' },
              ],
            },
            { uid: '1.2.3.5', modality: { code: 'SR' } },
          ],
        }),
      ),
    );
    expect(counts).toEqual({ foreign: 0, withdrawn: 0, malformed: 0 });
    expect(studies).toEqual([
      {
        studyInstanceUid: '1.2.3',
        fhirId: 's1',
        started: '2026-11-20T10:30:00+01:00',
        description: 'Chest',
        modalities: ['DX', 'SR'],
        endpoint: null,
        unreadEndpoints: [],
        numberOfInstances: 2,
        series: [
          {
            seriesInstanceUid: '1.2.3.4',
            modality: 'DX',
            bodySite: { system: 'http://snomed.info/sct', code: '51185008', display: 'Chest' },
            endpoint: null,
            unreadEndpoints: [],
            instances: [
              { sopInstanceUid: '1.2.3.4.5', sopClassUid: '1.2.840.10008.5.1.4.1.1.1.1', number: 1 },
              { sopInstanceUid: '1.2.3.4.6', sopClassUid: null, number: null },
            ],
          },
          {
            seriesInstanceUid: '1.2.3.5',
            modality: 'SR',
            bodySite: null,
            endpoint: null,
            unreadEndpoints: [],
            instances: [],
          },
        ],
      },
    ]);
  });

  it.each([
    ['S22 with urn:oid', [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }], '1.2.3'],
    ['S22 without urn:oid', [{ system: 'urn:dicom:uid', value: '1.2.3' }], '1.2.3'],
    [
      'among others',
      [
        { system: 'urn:x', value: 'ACC1' },
        { system: 'urn:dicom:uid', value: '1.2.3' },
      ],
      '1.2.3',
    ],
    [
      'twice the same',
      [
        { system: 'urn:dicom:uid', value: '1.2.3' },
        { system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' },
      ],
      '1.2.3',
    ],
    ['as a single object', { system: 'urn:dicom:uid', value: '1.2.3' }, '1.2.3'],
    [
      'two different ones',
      [
        { system: 'urn:dicom:uid', value: '1.2.3' },
        { system: 'urn:dicom:uid', value: '1.2.4' },
      ],
      null,
    ],
    ['none', [], null],
    ['missing', undefined, null],
    ['of another system', [{ system: 'urn:x', value: '1.2.3' }], null],
    ['not a UID', [{ system: 'urn:dicom:uid', value: '1.2.3/../../admin' }], null],
    ['with a query', [{ system: 'urn:dicom:uid', value: '1.2.3?x=1' }], null],
    ['with an empty component', [{ system: 'urn:dicom:uid', value: '1..3' }], null],
    ['dots alone', [{ system: 'urn:dicom:uid', value: '..' }], null],
    ['65 characters', [{ system: 'urn:dicom:uid', value: `1.${'2'.repeat(63)}` }], null],
    ['a number', [{ system: 'urn:dicom:uid', value: 1.2 }], null],
  ])('Study Instance UID %s', async (_name, identifier, expected) => {
    const { studies, malformed } = await read(study({ identifier }));
    expect(studies.map((found) => found.studyInstanceUid)).toEqual(expected === null ? [] : [expected]);
    expect(malformed).toBe(expected === null ? 1 : 0);
  });

  it.each([
    ['relative', { reference: 'Patient/p1' }, true],
    ['relative with version', { reference: 'Patient/p1/_history/3' }, true],
    ['absolute on the call’s server', { reference: `${server}/Patient/p1` }, true],
    ['another patient', { reference: 'Patient/p2' }, false],
    ['the id as a prefix', { reference: 'Patient/p11' }, false],
    ['another type', { reference: 'Group/p1' }, false],
    ['the same id on another server', { reference: 'https://other.example.org/fhir/Patient/p1' }, false],
    ['contained', { reference: '#p1' }, false],
    ['by identifier alone', { identifier: { value: 'p1' } }, false],
    ['missing', undefined, false],
    ['a list', [{ reference: 'Patient/p1' }], false],
  ])('subject %s', async (_name, subject, same) => {
    const { studies, foreign } = await read(study({ subject }));
    expect([studies.length, foreign]).toEqual(same ? [1, 0] : [0, 1]);
  });

  it('an absolute subject without a server of the call is held against the server of the entry', async () => {
    const entry = (fullUrl: string) => ({
      resourceType: 'Bundle',
      entry: [{ fullUrl, resource: study({ subject: { reference: `${server}/Patient/p1` } }) }],
    });
    expect((await read(entry(`${server}/ImagingStudy/s1`), { server: null })).studies).toHaveLength(1);
    expect((await read(entry('https://other.example.org/ImagingStudy/s1'), { server: null })).foreign).toBe(
      1,
    );
    expect(
      (await read(study({ subject: { reference: `${server}/Patient/p1` } }), { server: null })).foreign,
    ).toBe(1);
  });

  it.each(['entered-in-error', 'cancelled', 'inactive'])(
    'status %s is left out and counted',
    async (status) => {
      expect(await read(bundle(study({ status }), study({ id: 's2' })))).toMatchObject({
        withdrawn: 1,
        studies: [{ fhirId: 's2' }],
      });
    },
  );

  it.each([
    ['2026', '2026'],
    ['2026-11-20', '2026-11-20'],
    ['2026-11-20T10:30:00.5Z', '2026-11-20T10:30:00.5Z'],
    ['20.11.2026', null],
    ['2026-11-20T10:30', null],
    [20261120, null],
  ])('started %j is %j', async (started, expected) => {
    expect((await read(study({ started }))).studies[0]?.started).toBe(expected);
  });

  it('malformed series and instances are left out and counted, the rest stays', async () => {
    const series = [
      { uid: 'x' },
      null,
      'series',
      { uid: '1.2.3.4', instance: [{ uid: 'a/b' }, { uid: '1.2.3.4.5', number: -1 }] },
    ];
    const { studies, malformed } = await read(study({ series }));
    expect(malformed).toBe(2);
    expect(studies[0]?.series).toMatchObject([
      { seriesInstanceUid: '1.2.3.4', instances: [{ sopInstanceUid: '1.2.3.4.5', number: null }] },
    ]);
  });

  it('the same study twice is one study', async () => {
    expect((await read(bundle(study(), study({ id: 's2' })))).studies).toHaveLength(1);
  });

  it.each([
    null,
    undefined,
    7,
    'ImagingStudy',
    [],
    {},
    { resourceType: 'Bundle' },
    { resourceType: 'Bundle', entry: [null, {}, { resource: null }, { resource: [] }, 5] },
    { resourceType: 'OperationOutcome' },
    { resourceType: 'Patient', id: 'p1' },
    JSON.parse('{"resourceType":"ImagingStudy","__proto__":{"subject":{"reference":"Patient/p1"}}}'),
  ])('what holds no study gives none: %j', async (resource) => {
    expect((await read(resource)).studies).toEqual([]);
  });
});

describe('S18 Endpoint', () => {
  const referring = (reference: string, more: object = {}) => study({ endpoint: [{ reference }], ...more });
  const addressOf = async (...given: Parameters<typeof read>) =>
    (await read(...given)).studies[0]?.endpoint?.address;

  it('contained', async () => {
    const contained = referring('#e1', { contained: [endpoint('e0'), endpoint('e1')] });
    expect(await addressOf(contained)).toBe('https://pacs.example.org/e1');
  });

  it('contained in another study is not this study’s', async () => {
    const both = bundle(referring('#e1'), study({ id: 's2', contained: [endpoint('e1')] }));
    expect(await addressOf(both)).toBeUndefined();
  });

  it.each([
    ['relative, entries without fullUrl', 'Endpoint/e1', undefined, undefined],
    ['relative, entries with fullUrl', 'Endpoint/e1', `${server}/ImagingStudy/s1`, `${server}/Endpoint/e1`],
    ['relative, the Endpoint alone with fullUrl', 'Endpoint/e1', undefined, `${server}/Endpoint/e1`],
    ['relative, the study alone with fullUrl', 'Endpoint/e1', `${server}/ImagingStudy/s1`, undefined],
    ['absolute', `${server}/Endpoint/e1`, `${server}/ImagingStudy/s1`, `${server}/Endpoint/e1`],
    [
      'by urn:uuid',
      'urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0',
      undefined,
      'urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0',
    ],
    ['of a version', 'Endpoint/e1/_history/2', undefined, undefined],
  ])('included in the Bundle: %s', async (_name, reference, studyUrl, endpointUrl) => {
    const included = {
      resourceType: 'Bundle',
      entry: [
        { ...(studyUrl !== undefined && { fullUrl: studyUrl }), resource: referring(reference) },
        { ...(endpointUrl !== undefined && { fullUrl: endpointUrl }), resource: endpoint('e1') },
      ],
    };
    expect(await addressOf(included)).toBe('https://pacs.example.org/e1');
  });

  it('elsewhere: its references stay, of no version, in order, each once', async () => {
    const { studies } = await read(
      study({
        endpoint: ['Endpoint/e1', 'Endpoint/e1/_history/2', '#none', 'urn:uuid:0c3151bd', 'Endpoint/e2'].map(
          (reference) => ({ reference }),
        ),
        series: [{ uid: '1.9', endpoint: [{ reference: `${server}/Endpoint/e3` }] }, { uid: '1.8' }],
      }),
    );
    expect(studies[0]).toMatchObject({
      endpoint: null,
      unreadEndpoints: ['Endpoint/e1', 'Endpoint/e2'],
      series: [
        { endpoint: null, unreadEndpoints: [`${server}/Endpoint/e3`] },
        { endpoint: null, unreadEndpoints: [] },
      ],
    });
  });

  it('one at hand wins over an earlier one elsewhere', async () => {
    const both = study({
      endpoint: [{ reference: 'Endpoint/e9' }, { reference: '#e1' }],
      contained: [endpoint('e1')],
    });
    const { studies } = await read(both);
    expect(studies[0]).toMatchObject({
      endpoint: { address: 'https://pacs.example.org/e1' },
      unreadEndpoints: [],
    });
  });

  it.each([
    ['of another connection type', { connectionType: { code: 'hl7-fhir-rest' } }],
    ['WADO-URI', { connectionType: { code: 'dicom-wado-uri' } }],
    ['of the right code in another system', { connectionType: { system: 'urn:x', code: 'dicom-wado-rs' } }],
    ['that is off', { status: 'off' }],
    ['that is suspended', { status: 'suspended' }],
    ['that is a test', { status: 'test' }],
    ['without address', { address: undefined }],
    ['with a relative address', { address: '/dicom-web' }],
    ['with user information', { address: 'https://u:p@pacs.example.org/' }],
    ['with a query', { address: 'https://pacs.example.org/?a=' }],
    ['with another scheme', { address: 'file:///etc' }],
    ['of another resource type', { resourceType: 'Location' }],
  ])('S19 one %s is passed over for the next', async (_name, more) => {
    const both = study({
      endpoint: [{ reference: '#e1' }, { display: 'none' }, { reference: '#e2' }],
      contained: [endpoint('e1', more), endpoint('e2')],
    });
    expect(await addressOf(both)).toBe('https://pacs.example.org/e2');
  });

  it('the address loses its slashes at the end', async () => {
    const contained = referring('#e1', {
      contained: [endpoint('e1', { address: 'https://pacs.example.org/wado//' })],
    });
    expect(await addressOf(contained)).toBe('https://pacs.example.org/wado');
  });

  it.each([
    ['true', [{ url: requiresAccessTokenExtension, valueBoolean: true }], true],
    [
      'true, in the address that the published draft uses',
      [
        {
          url: 'http://hl7.org/fhir/smart-app-launch/StructureDefinition/requires-access-token',
          valueBoolean: true,
        },
      ],
      true,
    ],
    ['false', [{ url: requiresAccessTokenExtension, valueBoolean: false }], false],
    ['a string', [{ url: requiresAccessTokenExtension, valueString: 'true' }], false],
    ['absent', undefined, false],
  ])('S19 requires-access-token %s', async (_name, extension, expected) => {
    const contained = referring('#e1', { contained: [endpoint('e1', { extension })] });
    expect((await read(contained)).studies[0]?.endpoint?.requiresAccessToken).toBe(expected);
  });
});
