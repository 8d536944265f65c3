import type { SandboxCase } from '../case-file.ts';
import { nameOf } from '../fhir-records.ts';
import { careTeamNurse, fullNameOf, practitioner } from '../staff.ts';

/** Somebody who can sign in. */
export interface SandboxUser {
  /** `fhirUser`, relative to the FHIR server. */
  readonly id: string;
  readonly name: string;
  /** In words. */
  readonly role: string;
}

const staff: readonly SandboxUser[] = [
  { id: 'Practitioner/demo', name: fullNameOf(practitioner), role: 'Clinician' },
  { id: 'Practitioner/nurse', name: fullNameOf(careTeamNurse), role: 'Care team nurse' },
];

/** Who is offered at sign-in: the staff, and one patient for the portal. */
export function usersOf(cases: readonly SandboxCase[]): readonly SandboxUser[] {
  const [first] = cases;
  return first === undefined ? staff : [...staff, portalUser(first)];
}

/** A member of the staff, or any patient; null: nobody of this sandbox. */
export function userOf(cases: readonly SandboxCase[], id: string): SandboxUser | null {
  const patient = cases.find((one) => `Patient/${one.patient.id}` === id);
  return staff.find((user) => user.id === id) ?? (patient === undefined ? null : portalUser(patient));
}

function portalUser({ patient }: SandboxCase): SandboxUser {
  return { id: `Patient/${patient.id}`, name: nameOf(patient), role: 'Patient, in the portal' };
}

/** The patient that this user is; null: a member of the staff. */
export function ownRecordOf(user: string): string | null {
  const [type, id] = user.split('/');
  return type === 'Patient' && id !== undefined ? id : null;
}
