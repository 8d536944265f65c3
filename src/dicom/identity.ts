import type { ChartPatient } from '#core/imaging';
import type { DicomHeader } from './attributes.ts';

/** Whether the image is of the patient of the chart. `detail` names the fields, never their values. */
export interface IdentityVerdict {
  readonly same: boolean;
  readonly detail: string;
}

type Comparison = 'agrees' | 'contradicts' | 'unknown';

/**
 * Holds a DICOM header against the chart's patient.
 *
 * - Patient id: agrees when Patient ID or one of Other Patient IDs equals one of the chart's identifiers after
 *   spaces at both ends and leading zeros are removed; letters keep their case. Otherwise it contradicts when both
 *   sides have an id.
 * - Birth date: contradicts when the dates differ in the part that both have (FHIR allows a year or a month alone).
 * - Sex: M/F against male/female. `O`, `other`, `unknown` and a missing value are not held against anybody.
 *
 * A contradiction in any field is a mismatch. Without a contradiction the id must agree, or, where one side has no
 * id, birth date to the day and sex must both agree; anything less is a mismatch, because nothing then says whose
 * image it is.
 */
export function sameIdentity(
  header: Pick<DicomHeader, 'patientId' | 'otherPatientIds' | 'birthDate' | 'sex'>,
  patient: ChartPatient,
): IdentityVerdict {
  const id = compareIds(header, patient);
  const birth = compareDates(header.birthDate, patient.birthDate);
  const sex = compareSex(header.sex, patient.sex);
  const fields: readonly (readonly [string, Comparison])[] = [
    ['patient id', id],
    ['birth date', birth],
    ['sex', sex],
  ];
  const named = (wanted: Comparison): string =>
    fields
      .filter(([, comparison]) => comparison === wanted)
      .map(([name]) => name)
      .join(', ');
  if (fields.some(([, comparison]) => comparison === 'contradicts')) {
    return { same: false, detail: `Differs: ${named('contradicts')}.` };
  }
  const wholeDate = header.birthDate !== null && patient.birthDate?.length === 10;
  if (id === 'agrees' || (birth === 'agrees' && wholeDate && sex === 'agrees')) {
    return { same: true, detail: `Agrees: ${named('agrees')}.` };
  }
  return {
    same: false,
    detail: `Too little to compare: ${named('unknown')} cannot be held against the chart.`,
  };
}

const normalId = (id: string): string => id.trim().replace(/^0+(?=.)/, '');

function compareIds(
  header: Pick<DicomHeader, 'patientId' | 'otherPatientIds'>,
  patient: ChartPatient,
): Comparison {
  const inImage = [header.patientId ?? '', ...header.otherPatientIds].map(normalId).filter((id) => id !== '');
  const inChart = patient.identifiers.map(normalId).filter((id) => id !== '');
  if (inImage.length === 0 || inChart.length === 0) return 'unknown';
  return inImage.some((id) => inChart.includes(id)) ? 'agrees' : 'contradicts';
}

function compareDates(inImage: string | null, inChart: string | null): Comparison {
  if (inImage === null || inChart === null || !/^\d{4}(-\d{2}(-\d{2})?)?$/.test(inChart)) return 'unknown';
  return inImage.startsWith(inChart) ? 'agrees' : 'contradicts';
}

function compareSex(inImage: DicomHeader['sex'], inChart: ChartPatient['sex']): Comparison {
  if ((inImage !== 'M' && inImage !== 'F') || (inChart !== 'male' && inChart !== 'female')) return 'unknown';
  return (inImage === 'M') === (inChart === 'male') ? 'agrees' : 'contradicts';
}
