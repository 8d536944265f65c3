import type { DiagnosticReport, Patient, Reference } from '@medplum/fhirtypes';
import type { CaseStudy } from './case-file.ts';
import { fullNameOf, radiologist } from './staff.ts';

/** What the radiologist found in a study that has been read. */
export interface FinalReport {
  /** FHIR instant. */
  readonly issued: string;
  readonly conclusion: string;
  readonly performer: string;
}

/**
 * The studies that a radiologist has read, by the id of their ImagingStudy. Of these pictures Fovea says elevated,
 * elevated and low: the first and the last report agree, the second does not. All others wait to be read, which is
 * when Fovea is asked.
 */
const conclusions: Readonly<Record<string, Omit<FinalReport, 'performer'>>> = {
  'monochrome1-1': {
    issued: '2026-11-16T11:42:00Z',
    conclusion: 'Airspace opacity in the right lung, consistent with pneumonia. No effusion.',
  },
  'jpeg-2000-1': {
    issued: '2026-11-14T13:05:00Z',
    conclusion:
      'No focal consolidation, no effusion. Peribronchial thickening on both sides, as in viral bronchitis. No radiographic evidence of pneumonia.',
  },
  'prior-2': {
    issued: '2026-05-11T10:20:00Z',
    conclusion: 'Lungs clear. No consolidation, no effusion. Heart of normal size.',
  },
};

/** @param id of the ImagingStudy. @returns null: not read yet */
export function finalReportOf(id: string): FinalReport | null {
  const report = conclusions[id];
  return report === undefined ? null : { ...report, performer: fullNameOf(radiologist) };
}

/** `final` where a radiologist has read the study, `registered` where not. */
export function reportOf(study: CaseStudy, id: string, subject: Reference<Patient>): DiagnosticReport {
  const final = finalReportOf(id);
  return {
    resourceType: 'DiagnosticReport',
    id,
    status: final === null ? 'registered' : 'final',
    category: [
      {
        coding: [
          { system: 'http://terminology.hl7.org/CodeSystem/v2-0074', code: 'RAD', display: 'Radiology' },
        ],
      },
    ],
    code: { text: study.description },
    subject,
    basedOn: [{ reference: `ServiceRequest/${id}` }],
    effectiveDateTime: study.started,
    imagingStudy: [{ reference: `ImagingStudy/${id}` }],
    ...(final !== null && {
      issued: final.issued,
      performer: [{ reference: `Practitioner/${radiologist.id}`, display: final.performer }],
      conclusion: final.conclusion,
    }),
  };
}
