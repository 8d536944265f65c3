import type { DiagnosticReport } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { addressesBelow } from '#sandbox/addresses';
import { chartRecords } from '#sandbox/fhir-records';
import { sandboxCases } from '../support/hospital.ts';

const cases = sandboxCases();
const records = chartRecords(cases, addressesBelow('http://ehr.example/sandbox'));
const final = records.filter(
  (one): one is DiagnosticReport => one.resourceType === 'DiagnosticReport' && one.status === 'final',
);
/** What Fovea says of the study of a report. */
const bandOf = (report: DiagnosticReport) =>
  cases
    .flatMap(({ patient, studies }) =>
      studies.map((study, index) => ({ id: `${patient.id}-${index + 1}`, study })),
    )
    .map(({ id, study }) => ({ id, band: Reflect.get(study, 'expected').band as string }))
    .find(({ id }) => id === report.id)?.band;

describe('final reports of the sandbox', () => {
  it('are of studies that are there, signed and dated', () => {
    for (const report of final) {
      expect(records).toContainEqual(
        expect.objectContaining({ resourceType: 'ImagingStudy', id: report.id }),
      );
      expect(report).toMatchObject({
        issued: expect.stringMatching(/Z$/),
        conclusion: expect.any(String),
        performer: [{ reference: 'Practitioner/radiologist' }],
      });
    }
  });

  it('agree with Fovea and differ from it, at least one each', () => {
    const positive = (report: DiagnosticReport) => /consistent with pneumonia/.test(report.conclusion ?? '');
    const agrees = final.filter((report) => positive(report) === (bandOf(report) === 'elevated'));
    expect(agrees.length).toBeGreaterThanOrEqual(1);
    expect(final.length - agrees.length).toBeGreaterThanOrEqual(1);
  });
});
