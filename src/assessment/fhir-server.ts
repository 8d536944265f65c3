import { findAllowed } from '#auth/outbound-hosts';
import { ServiceError } from '#core/error';
import type { AllowedOrigin, Tenant } from '#core/tenant';

/**
 * A FHIR server of the tenant as an origin of its own: what is asked with it stays below that very base, not merely
 * on the tenant's list.
 *
 * @param base base URL of the server, as a call or a job names it
 * @throws ServiceError FHIR_SERVER_NOT_ALLOWED for a server that is not on the tenant's list
 */
export function fhirServerOf(tenant: Tenant, base: string): AllowedOrigin {
  const found = findAllowed(base, tenant.fhirServers);
  if (found === null) throw new ServiceError('FHIR_SERVER_NOT_ALLOWED');
  return { ...found.entry, base };
}
