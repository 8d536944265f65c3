import { asObject, asObjects, asText, type Json } from './json.ts';

/** Who a patient is, for a banner. Texts are as written. */
export interface PatientBanner {
  readonly name: string | null;
  /** Values of identifiers in use, the usual and official ones first. */
  readonly identifiers: readonly string[];
}

/** Identifiers of a banner; a chart has hundreds at times. */
const mostIdentifiers = 4;

/**
 * Name and identifiers of a Patient; those that are old or temporary are left out.
 * @see FHIR R4 Patient.name, Patient.identifier
 */
export function readBanner(resource: unknown): PatientBanner {
  const patient = asObject(resource);
  const rank = (use: unknown): number => (use === 'usual' ? 0 : use === 'official' ? 1 : 2);
  const identifiers = asObjects(patient?.['identifier'])
    .filter(({ use }) => use !== 'temp' && use !== 'old')
    .sort((a, b) => rank(a['use']) - rank(b['use']))
    .map((one) => asText(one['value']))
    .filter((value) => value !== null);
  return { name: nameOf(patient), identifiers: [...new Set(identifiers)].slice(0, mostIdentifiers) };
}

/** Name of a Practitioner, or of any resource with HumanName; null when it has none. */
export function readPersonName(resource: unknown): string | null {
  return nameOf(asObject(resource));
}

/** Who is behind a PractitionerRole. @see FHIR R4 PractitionerRole */
export interface RoleHolder {
  /** Reference to the Practitioner. */
  readonly practitioner: string | null;
  readonly display: string | null;
  /** What the role is, in words. */
  readonly role: string | null;
}

export function readRole(resource: unknown): RoleHolder {
  const role = asObject(resource);
  const practitioner = asObject(role?.['practitioner']);
  return {
    practitioner: asText(practitioner?.['reference']),
    display: asText(practitioner?.['display']),
    role:
      [...asObjects(role?.['code']), ...asObjects(role?.['specialty'])].map(wordsOf).find(Boolean) ?? null,
  };
}

function wordsOf(concept: Json): string | null {
  return (
    asText(concept['text']) ??
    asObjects(concept['coding'])
      .map((coding) => asText(coding['display']))
      .find((display) => display !== null) ??
    null
  );
}

const uses = ['usual', 'official', undefined];

function nameOf(person: Json | null): string | null {
  const names = asObjects(person?.['name']).filter(({ use }) => use !== 'old' && use !== 'anonymous');
  const name = uses.map((use) => names.find((one) => one['use'] === use)).find(Boolean) ?? names[0];
  if (name === undefined) return null;
  const given = Array.isArray(name['given']) ? name['given'].map(asText) : [];
  const prefix = Array.isArray(name['prefix']) ? name['prefix'].map(asText) : [];
  const parts = [...prefix, ...given, asText(name['family'])].filter((part) => part !== null);
  return asText(name['text']) ?? (parts.length > 0 ? parts.join(' ') : null);
}
