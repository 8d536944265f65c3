import type { HookCall } from '#cds/types';
import { ServiceError } from '#core/error';
import type { OutboundFetch } from '#core/outbound';
import type { Tenant } from '#core/tenant';
import { fetchResource } from '#fhir/client';
import { readImagingStudies } from '#fhir/imaging-study';
import { readPatient } from '#fhir/patient';
import { fhirServerOf } from './fhir-server.ts';
import type { AssessmentCall } from './patient-assessments.ts';

/** Reading of the caller's FHIR record within one hook call, with that call's own access. */
export interface RecordReader {
  /** @throws ServiceError FHIR_SERVER_NOT_ALLOWED */
  checkServer(tenant: Tenant, fhirServer: string): void;
  /**
   * GET below the call's FHIR server, one page, with the call's own token and what is left of the call's bytes; null
   * where a read finds nothing. Without a token only the sandbox's tenant may ask: what an open server of a hospital
   * answers proves no access of the caller. @see DESIGN fact 9
   * @throws ServiceError PREFETCH_UNMET, FHIR_…, OUTBOUND_…
   */
  fetch(call: HookCall<Tenant>, path: string): Promise<unknown>;
  /** How this call's resources are read. */
  readers(call: HookCall<Tenant>): Pick<AssessmentCall, 'readPatient' | 'readStudies'>;
}

/** Longest time of one request to a FHIR server, milliseconds; the call's own deadline ends it sooner. */
const fhirTimeoutMs = 10_000;

export function createRecordReader(outbound: OutboundFetch): RecordReader {
  const fetch: RecordReader['fetch'] = async (call, path) => {
    if (call.fhirServer === null || (call.authorization === null && !call.client.anonymous))
      throw new ServiceError('PREFETCH_UNMET');
    return fetchResource({
      outbound,
      server: fhirServerOf(call.client, call.fhirServer),
      ...(call.authorization !== null && { token: call.authorization.accessToken }),
      path,
      timeoutMs: fhirTimeoutMs,
      bytes: call.fhirBytes,
      signal: call.signal,
    });
  };
  return {
    checkServer: (tenant, fhirServer) => void fhirServerOf(tenant, fhirServer),
    fetch,
    readers(call) {
      const patientId = String(call.context['patientId'] ?? '');
      return {
        readPatient(resource) {
          const patient = readPatient(resource);
          if (patient === null)
            throw new ServiceError('PREFETCH_UNMET', { detail: 'The patient is not known.' });
          if (patient.fhirId !== patientId) {
            throw new ServiceError('INVALID_REQUEST', {
              detail: 'The prefetched patient is not the patient in context.',
            });
          }
          return patient;
        },
        readStudies: (resource) => readImagingStudies(resource, { patientId, server: call.fhirServer }),
      };
    },
  };
}
