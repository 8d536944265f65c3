import { describe, expect, it } from 'vitest';
import { readReports } from '#fhir/diagnostic-report';

const options = { patientId: 'p1', server: 'https://ehr.example/fhir' };
const bundle = (...resources: readonly object[]) => ({
  resourceType: 'Bundle',
  entry: resources.map((resource) => ({ resource })),
});
const acsn = { coding: [{ code: 'ACSN' }] };
const study = {
  resourceType: 'ImagingStudy',
  id: 's1',
  subject: { reference: 'Patient/p1' },
  identifier: [
    { system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' },
    { system: 'https://ris.example', value: 'A1', type: acsn },
  ],
  basedOn: [{ reference: 'ServiceRequest/o1' }],
};
const report = (more: object) => ({
  resourceType: 'DiagnosticReport',
  status: 'final',
  subject: { reference: 'Patient/p1' },
  issued: '2026-01-01T10:00:00Z',
  conclusion: 'Clear.',
  resultsInterpreter: [{ display: 'Dr Berg' }],
  ...more,
});
const read = (...reports: readonly object[]) => readReports(bundle(...reports), bundle(study), options);

describe('the final report of a study', () => {
  it.each([
    ['its reference', { imagingStudy: [{ reference: 'ImagingStudy/s1' }] }],
    [
      'an absolute reference',
      { imagingStudy: [{ reference: 'https://ehr.example/fhir/ImagingStudy/s1/_history/2' }] },
    ],
    ['its UID', { imagingStudy: [{ identifier: { system: 'urn:dicom:uid', value: '1.2.3' } }] }],
    ['the order', { basedOn: [{ reference: 'ServiceRequest/o1' }] }],
    ['the accession number', { identifier: [{ system: 'https://ris.example', value: 'A1', type: acsn }] }],
  ])('is found by %s', (_what, tie) => {
    expect(read(report(tie)).get('s1')).toEqual({
      status: 'final',
      issued: '2026-01-01T10:00:00Z',
      conclusion: 'Clear.',
      performer: 'Dr Berg',
    });
  });

  it.each([
    ['not final', { status: 'preliminary', imagingStudy: [{ reference: 'ImagingStudy/s1' }] }],
    [
      'of another patient',
      { subject: { reference: 'Patient/p2' }, imagingStudy: [{ reference: 'ImagingStudy/s1' }] },
    ],
    ['of another study', { imagingStudy: [{ reference: 'ImagingStudy/s2' }] }],
    ['tied by an order of another kind', { basedOn: [{ reference: 'CarePlan/o1' }] }],
    [
      'of the same number in another system',
      { identifier: [{ system: 'https://other.example', value: 'A1', type: acsn }] },
    ],
    [
      'of the same number that is no accession',
      { identifier: [{ system: 'https://ris.example', value: 'A1' }] },
    ],
  ])('one %s is none', (_what, more) => {
    expect(read(report(more)).size).toBe(0);
  });

  it('the closest tie wins, then what was issued last', () => {
    const order = { basedOn: [{ reference: 'ServiceRequest/o1' }] };
    const own = { imagingStudy: [{ reference: 'ImagingStudy/s1' }] };
    const found = read(
      report({ ...order, issued: '2026-03-01T10:00:00Z', conclusion: 'order' }),
      report({ ...own, status: 'corrected', issued: '2026-02-01T10:00:00Z', conclusion: 'newer' }),
      report({ ...own, conclusion: 'older' }),
    );
    expect(found.get('s1')?.conclusion).toBe('newer');
  });

  it.each([null, 'x', {}, { resourceType: 'Bundle', entry: [null, { resource: 5 }] }])(
    '%j holds none',
    (odd) => {
      expect(readReports(odd, odd, options).size).toBe(0);
    },
  );
});
