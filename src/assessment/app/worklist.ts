import type { AppStudy, AppWorklist, AppWorklistEntry } from '#core/app';
import type { AppSession, AppTools } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { isPractitioner } from '#core/hook-tools';
import type { ChartPatient } from '#core/imaging';
import { readImagingStudies } from '#fhir/imaging-study';
import { readPatient, recordsByPatient } from '#fhir/patient';
import type { OpenedAssessment } from '#store/assessments';
import { isUuid } from '#store/keys';
import { type AskedStudy, askFor, readStates, sortStudies } from '../patient-assessments.ts';
import { isOf, refused } from './access.ts';
import { createCache } from './cache.ts';
import { type AppParts, askerOf, sessionKey } from './parts.ts';
import { appPatient, type Ehr, recordMs } from './record.ts';
import { assessmentIds, studyView } from './study-view.ts';

/** Entries of one list. */
const mostEntries = 200;
/** Studies of one page, and pages that are read. */
const pageSize = 200;
const mostPages = 5;

/** What one worklist rests on, and who is behind its keys. */
interface Seen {
  readonly asked: readonly AskedStudy[];
  readonly patients: ReadonlyMap<string, { readonly key: string; readonly resource: unknown }>;
  readonly incomplete: boolean;
}

/**
 * The studies that the EHR lets this user see, with what is stored of each. Nothing is enqueued: a list of patients is no
 * question about each of them. The patients are those that the EHR named, never those of the store.
 */
export function createWorklist(
  parts: AppParts,
  ehr: Ehr,
): Pick<AppTools, 'worklist' | 'patientOf'> & {
  /** An assessment on the list. @throws ServiceError NOT_FOUND */
  openListed(session: AppSession, id: string): Promise<OpenedAssessment>;
} {
  const lists = createCache<Seen>(256, recordMs);

  const look = async (session: AppSession): Promise<Seen> => {
    const { tenant, fhirServer, user } = session;
    const { bundle, incomplete } = await ehr.search(session, searchOf(parts, session), mostPages);
    const patients = new Map<string, { readonly key: string; readonly resource: unknown }>();
    const asked: AskedStudy[] = [];
    let beyond = false;
    for (const { resource, studies: own } of recordsByPatient(bundle)) {
      const patient: ChartPatient | null = readPatient(resource);
      if (patient === null || patients.has(patient.fhirId)) continue;
      const { studies } = readImagingStudies(own, { patientId: patient.fhirId, server: fhirServer });
      const { recent, beyondNewest } = sortStudies(parts, { tenant, userId: user.reference }, studies);
      beyond ||= beyondNewest.length > 0;
      asked.push(
        ...recent.flatMap((study) => askFor(parts, { tenant, userId: user.reference }, study, patient)),
      );
      const key = parts.pseudonyms.patient(tenant.id, fhirServer, patient.fhirId);
      patients.set(patient.fhirId, { key, resource });
    }
    return { asked, patients, incomplete: incomplete || beyond };
  };

  const seen = (session: AppSession): Promise<Seen> => lists.get(sessionKey(session), () => look(session));

  /** A list is of a launch without a patient: the token of another is for that patient alone. */
  const mayList = (session: AppSession): boolean =>
    session.patientId === null && isPractitioner(session.user.reference);

  return {
    async worklist(session) {
      const { tenant } = session;
      if (!mayList(session)) throw new ServiceError('NOT_FOUND');
      const { asked, patients, incomplete } = await seen(session);
      const told = await readStates(parts, await askerOf(session), asked);
      const answers = await parts.answers.newest(tenant.id, assessmentIds(told));
      const entries = told.map((one): AppWorklistEntry => {
        const { patient } = one.asked;
        const { key, resource } = patients.get(patient.fhirId) as { key: string; resource: unknown };
        return {
          patientKey: key,
          patient: appPatient(resource, patient),
          study: studyView(one, null, answers.get(one.stored?.id ?? '') ?? null),
        };
      });
      const known = new Set(told.map((one) => one.asked.study));
      const active = asked.filter(({ model }) => model.state === 'active').map(({ study }) => study);
      return {
        entries: entries.sort(byUrgency).slice(0, mostEntries),
        lookbackDays: tenant.lookbackDays,
        incomplete: incomplete || entries.length > mostEntries,
        notAssessed: new Set(active.filter((study) => !known.has(study))).size,
      } satisfies AppWorklist;
    },

    async openListed(session, id) {
      if (mayList(session) && isUuid(id)) {
        const [{ asked }, stored] = await Promise.all([
          seen(session),
          parts.store.byId(session.tenant.id, id),
        ]);
        if (stored !== null && asked.some((one) => isOf(stored, one))) return stored;
      }
      refused(parts, session);
      throw new ServiceError('NOT_FOUND');
    },

    async patientOf(session, patientKey) {
      const { patients } = mayList(session) ? await seen(session) : { patients: new Map<string, never>() };
      for (const [fhirId, { key }] of patients) if (key === patientKey) return fhirId;
      refused(parts, session);
      throw new ServiceError('NOT_FOUND');
    },
  };
}

/** Studies of the modalities that are read here, since the tenant's lookback, with their patients and Endpoints. */
function searchOf(parts: AppParts, { tenant }: AppSession): string {
  const modalities = new Set(
    parts
      .models()
      .filter(({ state }) => state === 'active')
      .flatMap((model) => model.package.manifest.selects.modality),
  );
  const since = new Date(parts.now().getTime() - tenant.lookbackDays * 86_400_000);
  const query = [
    `started=ge${since.toISOString().slice(0, 10)}`,
    ...(modalities.size > 0 ? [`modality=${[...modalities].map(encodeURIComponent).join(',')}`] : []),
    '_include=ImagingStudy:subject',
    '_sort=-started',
    `_count=${pageSize}`,
  ];
  return `ImagingStudy?${query.join('&')}`;
}

/** Elevated and unanswered first, then indeterminate and unanswered, pending, the others; the newest first within each. */
function byUrgency(a: AppWorklistEntry, b: AppWorklistEntry): number {
  return urgency(a.study) - urgency(b.study) || startOf(b.study) - startOf(a.study);
}

function urgency({ state, findings, answer }: AppStudy): number {
  if (state === 'pending') return 2;
  if (answer !== null) return 3;
  if (findings.some(({ band }) => band === 'elevated')) return 0;
  return findings.some(({ band }) => band === 'indeterminate') ? 1 : 3;
}

function startOf({ started }: AppStudy): number {
  const instant = Date.parse(started ?? '');
  return Number.isNaN(instant) ? Number.NEGATIVE_INFINITY : instant;
}
