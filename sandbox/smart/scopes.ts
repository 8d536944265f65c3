import { resourceTypes } from '../fhir-store.ts';
import type { LaunchContext } from './context.ts';

/** Scopes that say who the user is and in what context the app opens. @see SMART App Launch 2.2 §Scopes */
export const contextScopes = [
  'openid',
  'fhirUser',
  'profile',
  'launch',
  'launch/patient',
  'launch/encounter',
  'online_access',
  'offline_access',
] as const;

/** This server is for reading: v1 `.read` and v2 `.r`, `.s` and `.rs`. */
const rights = ['read', 'r', 's', 'rs'];

function scopesOf(...contexts: readonly string[]): readonly string[] {
  return contexts.flatMap((context) =>
    ['*', ...resourceTypes].flatMap((type) => rights.map((right) => `${context}/${type}.${right}`)),
  );
}

/** What an app that people use may ask for. */
export const appScopes: readonly string[] = [...contextScopes, ...scopesOf('patient', 'user')];
/** What a service may ask for. @see SMART App Launch 2.2 §Backend Services */
export const serviceScopes: readonly string[] = scopesOf('system');

/** What discovery names: each of them is supported, and more are. @see SMART App Launch 2.2 §scopes_supported */
export const announcedScopes: readonly string[] = [
  ...contextScopes,
  ...['patient', 'user', 'system'].flatMap((context) => [`${context}/*.rs`, `${context}/*.read`]),
  ...['patient', 'user', 'system'].flatMap((context) => resourceTypes.map((type) => `${context}/${type}.rs`)),
];

/** Whether a request without `launch` needs a patient to be chosen. */
export function wantsPatient(scopes: ReadonlySet<string>): boolean {
  return [...scopes].some((scope) => scope === 'launch/patient' || scope.startsWith('patient/'));
}

/** The part of what was asked for that a launch gives: `patient/` scopes only where there is a patient. */
export function grantedScopes(asked: ReadonlySet<string>, context: LaunchContext): readonly string[] {
  const known = new Set(appScopes);
  return [...asked].filter(
    (scope) => known.has(scope) && (context.patientId !== null || !scope.startsWith('patient/')),
  );
}
