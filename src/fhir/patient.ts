import type { ChartPatient } from '#core/imaging';
import { asObject, asObjects, asText, type Json } from './json.ts';

/** FHIR date: year, year and month, or whole. @see FHIR R4 §date */
const date = /^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/;

/** More identifiers than this, or longer ones (characters), are of no patient; each study is held against all of them. */
const most = { identifiers: 64, characters: 256 } as const;

const sexes = ['male', 'female', 'other', 'unknown'] as const;

/** A Patient of a Bundle with a Bundle of the ImagingStudies that name it. */
export interface PatientRecords {
  readonly resource: Json;
  readonly studies: { readonly resourceType: 'Bundle'; readonly entry: readonly unknown[] };
}

/** The Patients of a Bundle, each with its ImagingStudies; whose those are is for their reader to hold. */
export function recordsByPatient(bundle: unknown): readonly PatientRecords[] {
  const studies = new Map<string, unknown[]>();
  const patients: Json[] = [];
  for (const entry of asObjects(asObject(bundle)?.['entry'])) {
    const resource = asObject(entry['resource']);
    if (resource?.['resourceType'] === 'Patient') patients.push(resource);
    if (resource?.['resourceType'] !== 'ImagingStudy') continue;
    const subject = asText(asObject(resource['subject'])?.['reference']);
    const id = /(?:^|\/)Patient\/([A-Za-z0-9\-.]{1,64})(?:\/|$)/.exec(subject ?? '')?.[1] ?? '';
    const own = studies.get(id) ?? [];
    own.push(entry);
    studies.set(id, own);
  }
  return patients.map((resource) => ({
    resource,
    studies: { resourceType: 'Bundle', entry: studies.get(asText(resource['id']) ?? '') ?? [] },
  }));
}

/**
 * The chart's patient, to be held against DICOM headers. Identifiers that the chart marks as temporary are left out:
 * they are given to others again; so are those beyond the 64th and those of more than 256 characters.
 *
 * @returns null when `resource` is not a Patient with an id
 * @see FHIR R4 Patient
 */
export function readPatient(resource: unknown): ChartPatient | null {
  const patient = asObject(resource);
  const fhirId = asText(patient?.['id']);
  if (patient === null || patient['resourceType'] !== 'Patient' || fhirId === null) return null;
  const identifiers = asObjects(patient['identifier'])
    .filter((identifier) => identifier['use'] !== 'temp')
    .map((identifier) => asText(identifier['value']))
    .filter((value) => value !== null)
    .filter((value) => value.length <= most.characters)
    .slice(0, most.identifiers);
  const birthDate = asText(patient['birthDate']);
  return {
    fhirId,
    identifiers: [...new Set(identifiers)],
    birthDate: birthDate !== null && date.test(birthDate) ? birthDate : null,
    sex: sexes.find((sex) => sex === patient['gender']) ?? null,
  };
}
