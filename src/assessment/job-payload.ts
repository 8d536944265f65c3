import { maySendToken } from '#auth/outbound-hosts';
import type { ChartPatient, ImagingEndpoint, SeriesReference, StudyReference } from '#core/imaging';
import type { Tenant } from '#core/tenant';
import { hasUnreadEndpoints } from '#fhir/unread-endpoints';

/** What a job keeps to run later: references and whose they must be, never a token. */
export interface JobPayload {
  readonly study: StudyReference;
  readonly patient: ChartPatient;
  /** Base URL of the FHIR server that named the study: a token of its call may go to its own origin. */
  readonly fhirServer: string | null;
}

/** The payload of a stored job, which this program wrote itself. */
export function payloadOf(job: { readonly payload: Readonly<Record<string, unknown>> }): JobPayload {
  return job.payload as unknown as JobPayload;
}

/**
 * Where a series is to be had: its own Endpoint, else that of the study, else the tenant's default server, which wants
 * the token where the tenant's list lets it have one; null for none.
 */
export function endpointFor(
  study: StudyReference,
  series: SeriesReference | null,
  { defaultImagingServer }: Tenant,
): ImagingEndpoint | null {
  const named = series?.endpoint ?? study.endpoint;
  if (named !== null || defaultImagingServer === undefined) return named;
  return { address: defaultImagingServer, requiresAccessToken: true };
}

/**
 * Whether the call's access token is of use for fetching the study: an Endpoint has yet to be read from the call's FHIR
 * server, or an imaging server asks for the token and may have it.
 */
export function needsToken({ study, fhirServer }: JobPayload, tenant: Tenant): boolean {
  if (fhirServer !== null && hasUnreadEndpoints(study)) return true;
  return [null, ...study.series].some((series) => {
    const endpoint = endpointFor(study, series, tenant);
    return endpoint !== null && maySendToken(endpoint, tenant.imagingServers, fhirServer);
  });
}
