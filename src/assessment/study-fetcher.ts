import { maySendToken } from '#auth/outbound-hosts';
import { ServiceError } from '#core/error';
import type { ImagingEndpoint, InstanceReference, SeriesReference, StudyReference } from '#core/imaging';
import type { OutboundFetch } from '#core/outbound';
import type { Tenant } from '#core/tenant';
import { createDicomwebClient, type DicomwebClient } from '#dicom/dicomweb';
import { fetchResource } from '#fhir/client';
import { hasUnreadEndpoints, readUnreadEndpoints } from '#fhir/unread-endpoints';
import { couldReadInstance, couldReadSeries } from './deployed.ts';
import { fhirServerOf } from './fhir-server.ts';
import { endpointFor, type JobPayload } from './job-payload.ts';
import type { FetchedInstance, RunnerParts } from './perform.ts';

/** Instances of one series that are fetched one by one; beyond this the series is streamed whole. */
const mostSingle = 8;

/** Longest silence of an imaging server, milliseconds. */
const idleTimeoutMs = 15_000;

/**
 * Fetches the instances of a study that a model could read, one at a time and in order (series, then instance
 * number). Where the record lists instances with their SOP classes, only those that the model reads are fetched; a
 * series of another modality is left out. The next instance is asked for only when the one before was not enough.
 */
export function createStudyFetcher(
  outbound: OutboundFetch,
  timeoutMs: number,
): RunnerParts['fetchInstances'] {
  return async function* fetchInstances(
    { tenant, manifest, payload, token },
    signal,
  ): AsyncGenerator<FetchedInstance> {
    const { fhirServer } = payload;
    const study = await withEndpoints(outbound, { payload, tenant, token, signal, timeoutMs });
    // The tenant's limit is for the study as a whole.
    let bytesLeft = tenant.maxStudyBytes;
    const counted = (bytes: Uint8Array): FetchedInstance => {
      bytesLeft -= bytes.length;
      return { bytes };
    };
    const clientFor = (endpoint: ImagingEndpoint): DicomwebClient =>
      imagingClient(outbound, endpoint, {
        tenant,
        fhirServer,
        token,
        timeoutMs,
        maxBytes: bytesLeft,
        signal,
      });
    const studyUid = study.studyInstanceUid;
    const listed = study.series.length > 0 ? study.series : await seriesOf(study, tenant, clientFor);
    for (const series of listed.filter((one) => couldReadSeries(one, manifest))) {
      const endpoint = endpointOf(study, series, tenant);
      const { seriesInstanceUid } = series;
      const instances = series.instances.filter((one) => couldReadInstance(one, manifest)).sort(byNumber);
      if (series.instances.length > 0 && instances.length === 0) continue;
      if (instances.length === 0 || instances.length > mostSingle) {
        for await (const bytes of clientFor(endpoint).retrieveSeries(studyUid, seriesInstanceUid))
          yield counted(bytes);
        continue;
      }
      for (const { sopInstanceUid } of instances) {
        const files = clientFor(endpoint).retrieveInstance(studyUid, seriesInstanceUid, sopInstanceUid);
        for await (const bytes of files) yield counted(bytes);
      }
    }
  };
}

/** A client of one imaging server of the tenant; the token goes along where the tenant's list lets it have it. */
export function imagingClient(
  outbound: OutboundFetch,
  endpoint: ImagingEndpoint,
  {
    tenant,
    fhirServer,
    ...options
  }: {
    readonly tenant: Tenant;
    readonly fhirServer: string | null;
    readonly token: string | null;
    readonly timeoutMs: number;
    readonly maxBytes: number;
    readonly signal: AbortSignal;
  },
): DicomwebClient {
  return createDicomwebClient({
    ...options,
    outbound,
    endpoint,
    allowed: tenant.imagingServers,
    maySendToken: (to) => maySendToken(to, tenant.imagingServers, fhirServer),
    idleTimeoutMs: Math.min(idleTimeoutMs, options.timeoutMs),
  });
}

interface EndpointReading {
  readonly payload: Pick<JobPayload, 'study' | 'fhirServer'>;
  readonly tenant: Tenant;
  readonly token: string | null;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** The study with the Endpoints that the record only refers to, read from the FHIR server of the call. */
export async function withEndpoints(
  outbound: OutboundFetch,
  { payload: { study, fhirServer }, tenant, token, signal, timeoutMs }: EndpointReading,
): Promise<StudyReference> {
  if (fhirServer === null || !hasUnreadEndpoints(study)) return study;
  const server = fhirServerOf(tenant, fhirServer);
  return readUnreadEndpoints(study, (reference) =>
    fetchResource({
      outbound,
      server,
      ...(token !== null && { token }),
      path: reference,
      timeoutMs,
      signal,
    }),
  );
}

/** A record without series: the imaging server is asked (QIDO-RS). */
export async function seriesOf(
  study: StudyReference,
  tenant: Tenant,
  clientFor: (endpoint: ImagingEndpoint) => DicomwebClient,
): Promise<readonly SeriesReference[]> {
  const found = await clientFor(endpointOf(study, null, tenant)).qidoInstances(study.studyInstanceUid);
  if (found.length === 0) throw new ServiceError('DICOMWEB_NOT_FOUND');
  return found;
}

/** Where a series, or the study, is to be had. @throws ServiceError ENDPOINT_MISSING */
export function endpointOf(
  study: StudyReference,
  series: SeriesReference | null,
  tenant: Tenant,
): ImagingEndpoint {
  const endpoint = endpointFor(study, series, tenant);
  if (endpoint === null) throw new ServiceError('ENDPOINT_MISSING');
  return endpoint;
}

/** Instances in order of their numbers. */
export function byNumber(a: InstanceReference, b: InstanceReference): number {
  return (a.number ?? 0) - (b.number ?? 0) || a.sopInstanceUid.localeCompare(b.sopInstanceUid);
}
