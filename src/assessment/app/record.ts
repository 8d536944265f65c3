import { followPages, hasMorePages } from '#cds/pages';
import type { AppPatient, AppReport } from '#core/app';
import type { AppSession } from '#core/app-ports';
import { asServiceError, ServiceError } from '#core/error';
import { isPractitioner } from '#core/hook-tools';
import type { ChartPatient, StudyReference } from '#core/imaging';
import { fetchResource } from '#fhir/client';
import { finalStatuses, readReports } from '#fhir/diagnostic-report';
import { readImagingStudies, readSeriesDescriptions } from '#fhir/imaging-study';
import { readPatient } from '#fhir/patient';
import { readBanner } from '#fhir/people';
import { fhirServerOf } from '../fhir-server.ts';
import { createCache } from './cache.ts';
import { maySearch } from './granted.ts';
import { type AppParts, sessionKey } from './parts.ts';
import { line, lines } from './text.ts';

/** One patient's record as the EHR gave it to this session. */
export interface ChartRecord {
  readonly patient: ChartPatient;
  readonly banner: AppPatient;
  readonly studies: readonly StudyReference[];
  /** The EHR had more studies. */
  readonly incomplete: boolean;
  /** Final reports by logical id of the ImagingStudy. */
  readonly reports: ReadonlyMap<string, AppReport>;
  readonly reportsRead: boolean;
  /** By Series Instance UID. */
  readonly seriesDescriptions: ReadonlyMap<string, string>;
}

/** Reads FHIR within a session, with its token. */
export interface Ehr {
  /**
   * The record of the session's patient, read once in {@link recordMs}; null without a patient and for a user who is
   * told nothing.
   *
   * @throws ServiceError FHIR_…, OUTBOUND_…, SMART_SESSION_ENDED
   */
  record(session: AppSession): Promise<ChartRecord | null>;
  /** One read, null where there is none. @throws ServiceError as {@link record} */
  read(session: AppSession, path: string): Promise<unknown>;
  /** One search with its pages. @throws ServiceError as {@link record} */
  search(session: AppSession, path: string, mostPages: number): Promise<SearchResult>;
}

interface SearchResult {
  readonly bundle: unknown;
  /** There was more than was read. */
  readonly incomplete: boolean;
}

/** How long a record is used before the EHR is asked again, milliseconds. */
export const recordMs = 30_000;

/** Longest time of one request to a FHIR server, milliseconds. */
const fhirTimeoutMs = 10_000;
/** What one record may cost, bytes. */
const mostBytes = 16 << 20;
const mostPages = 4;

export function createEhr(parts: Pick<AppParts, 'outbound' | 'log'>): Ehr {
  const records = createCache<ChartRecord | null>(256, recordMs);

  const reader = (session: AppSession): ((path: string) => Promise<unknown>) => {
    const server = fhirServerOf(session.tenant, session.fhirServer);
    const bytes = { left: mostBytes };
    return async (path) =>
      fetchResource({
        outbound: parts.outbound,
        server,
        token: await session.accessToken(),
        path,
        timeoutMs: fhirTimeoutMs,
        bytes,
      });
  };

  const searchWith = async (
    session: AppSession,
    fetch: (path: string) => Promise<unknown>,
    path: string,
    maxPages: number,
  ): Promise<SearchResult> => {
    const first = await fetch(path);
    if (!hasMorePages(first)) return { bundle: first, incomplete: false };
    const bundle = await followPages(first, { base: session.fhirServer, maxPages, fetch });
    return { bundle, incomplete: hasMorePages(bundle) };
  };

  /** Reports help and are not what the session is about: without them the chart says that they were not read. */
  const reportsOf = async (
    session: AppSession,
    fetch: (path: string) => Promise<unknown>,
    patientId: string,
  ): Promise<SearchResult | null> => {
    if (!maySearch(session.grant.scopes, 'DiagnosticReport')) return null;
    const path = `DiagnosticReport?patient=${encodeURIComponent(patientId)}&status=${finalStatuses.join(',')}&_count=100`;
    try {
      return await searchWith(session, fetch, path, mostPages);
    } catch (error) {
      const { code } = asServiceError(error);
      if (code === 'INTERNAL' || code === 'SMART_SESSION_ENDED') throw error;
      parts.log.warn({ event: 'app-reports-unread', tenant: session.tenant.id, code });
      return null;
    }
  };

  const readRecord = async (session: AppSession, patientId: string): Promise<ChartRecord> => {
    const fetch = reader(session);
    const id = encodeURIComponent(patientId);
    const [resource, imaging, reports] = await Promise.all([
      fetch(`Patient/${patientId}`),
      searchWith(
        session,
        fetch,
        `ImagingStudy?patient=${id}&_include=ImagingStudy:endpoint&_sort=-started&_count=50`,
        mostPages,
      ),
      reportsOf(session, fetch, patientId),
    ]);
    const patient = readPatient(resource);
    if (patient === null)
      throw new ServiceError('FHIR_INVALID_RESPONSE', { detail: 'It has no patient of the launch.' });
    const options = { patientId, server: session.fhirServer };
    const found = readReports(reports?.bundle, imaging.bundle, options);
    return {
      patient,
      banner: appPatient(resource, patient),
      studies: readImagingStudies(imaging.bundle, options).studies,
      incomplete: imaging.incomplete,
      reports: new Map(
        [...found].map(([study, { status, issued, conclusion, performer }]) => [
          study,
          { status, issued, conclusion: lines(conclusion), performer: line(performer) },
        ]),
      ),
      reportsRead: reports !== null && !reports.incomplete,
      seriesDescriptions: readSeriesDescriptions(imaging.bundle),
    };
  };

  return {
    async record(session) {
      const { patientId } = session;
      if (patientId === null || !isPractitioner(session.user.reference)) return null;
      return records.get(sessionKey(session), () => readRecord(session, patientId));
    },
    read: (session, path) => reader(session)(path),
    search: (session, path, pages) => searchWith(session, reader(session), path, pages),
  };
}

/** A patient as the app shows it. */
export function appPatient(resource: unknown, patient: ChartPatient): AppPatient {
  const { name, identifiers } = readBanner(resource);
  return {
    name: line(name),
    birthDate: patient.birthDate,
    sex: patient.sex,
    identifiers: identifiers.map((one) => line(one, 64)).filter((one) => one !== null),
  };
}
