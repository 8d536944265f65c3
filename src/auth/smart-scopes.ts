import type { SmartServer } from './smart-discovery.ts';

/** What the app reads of the record. */
const resources = ['Patient', 'ImagingStudy', 'DiagnosticReport', 'Endpoint', 'Practitioner'];

export interface ScopeRequest {
  /** Whether the EHR launched: it then knows the patient. */
  readonly launched: boolean;
  /** `worklist`: what the user may see, not one patient. */
  readonly context: 'patient' | 'worklist';
}

/**
 * The least that the app needs, in the words of the server: v2 unless it takes v1 alone; of the two kinds of refresh
 * token the one that ends with the user's session where both are offered.
 * @see SMART App Launch 2.2 §Scopes
 */
export function scopesFor(server: SmartServer, { launched, context }: ScopeRequest): readonly string[] {
  const { capabilities, scopesSupported } = server;
  const offers = (kind: 'online' | 'offline'): boolean =>
    capabilities.has(`permission-${kind}`) || scopesSupported.has(`${kind}_access`);
  const level = context === 'worklist' ? 'user' : 'patient';
  const rights = capabilities.has('permission-v1') && !capabilities.has('permission-v2') ? 'read' : 'rs';
  return [
    ...(launched ? ['launch'] : context === 'patient' ? ['launch/patient'] : []),
    ...(server.openid ? ['openid', 'fhirUser'] : []),
    ...(offers('online') ? ['online_access'] : offers('offline') ? ['offline_access'] : []),
    ...resources.map((resource) => `${level}/${resource}.${rights}`),
  ];
}
