import type { Resource } from '@medplum/fhirtypes';
import type { Grant } from './access-tokens.ts';

/** How far a right reaches: every record of this server, or one patient's. */
export type Reach = { readonly of: 'everybody' } | { readonly of: 'patient'; readonly patientId: string };

/** `r`: read by id. `s`: search. */
export type Right = 'r' | 's';

/**
 * How far a grant reaches for one resource type; null: not at all. The widest of its scopes counts.
 * v1 scopes (`.read`) and v2 scopes (`.rs`) both do.
 *
 * @see SMART App Launch 2.2 §Scopes for requesting FHIR Resources
 */
export function reachOf(grant: Grant | 'everything', type: string, right: Right): Reach | null {
  if (grant === 'everything') return { of: 'everybody' };
  const reaches = grant.scope
    .split(' ')
    .map((scope) => reachOfScope(scope, grant, type, right))
    .filter((reach) => reach !== null);
  return reaches.find((reach) => reach.of === 'everybody') ?? reaches[0] ?? null;
}

function reachOfScope(scope: string, grant: Grant, type: string, right: Right): Reach | null {
  const [, context, of, rights] = /^(patient|user|system)\/(\*|\w+)\.(\*|[a-z]+)$/.exec(scope) ?? [];
  if (of === undefined || rights === undefined || (of !== '*' && of !== type)) return null;
  const includes = rights === '*' || rights === 'read' || (rights !== 'write' && rights.includes(right));
  if (!includes) return null;
  if (context === 'system') return { of: 'everybody' };
  if (context === 'user') return reachOfUser(grant.user);
  return grant.patientId === null ? null : { of: 'patient', patientId: grant.patientId };
}

/** Who treats sees every record; a patient sees the own. */
function reachOfUser(user: string | undefined): Reach | null {
  if (user === undefined) return null;
  const [type, id] = user.split('/');
  return type === 'Patient' && id !== undefined ? { of: 'patient', patientId: id } : { of: 'everybody' };
}

/** Whether a resource lies within a reach. Endpoints and practitioners are nobody's; everything else is one patient's. */
export function reaches(reach: Reach, resource: Resource): boolean {
  if (reach.of === 'everybody') return true;
  if (resource.resourceType === 'Patient') return resource.id === reach.patientId;
  if (!('subject' in resource)) return true;
  const subject = resource.subject as { reference?: string } | undefined;
  return subject?.reference === `Patient/${reach.patientId}`;
}

/** A user may read the own resource by `fhirUser` alone. @see SMART App Launch 2.2 §Scopes for requesting identity data */
export function isOwnUser(grant: Grant | 'everything', type: string, id: string): boolean {
  return (
    grant !== 'everything' && grant.user === `${type}/${id}` && grant.scope.split(' ').includes('fhirUser')
  );
}
