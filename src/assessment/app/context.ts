import type { AppContext } from '#core/app';
import type { AppSession, AppTools } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { isPractitioner } from '#core/hook-tools';
import { isUuid } from '#store/keys';
import { type OpenAssessment, refused } from './access.ts';
import { studyKeyOf } from './chart.ts';
import type { AppParts } from './parts.ts';
import type { ReadPerson } from './people.ts';
import type { ChartRecord, Ehr } from './record.ts';
import type { ReadStyle } from './style.ts';

/** Whose launch a session is and where it opens. */
export function createContext(
  parts: AppParts,
  from: {
    readonly ehr: Ehr;
    readonly open: OpenAssessment;
    readonly person: ReadPerson;
    readonly style: ReadStyle;
  },
): Pick<AppTools, 'context' | 'prepare'> {
  return {
    prepare(session) {
      from.ehr.record(session).catch(() => undefined);
    },

    async context(session) {
      const { tenant, user, grant } = session;
      const [person, record, style] = await Promise.all([
        from.person(session),
        from.ehr.record(session),
        from.style(session),
      ]);
      return {
        launch: session.launch,
        tenant: { id: tenant.id, name: tenant.name },
        sandbox: tenant.id === parts.sandboxTenant,
        user: { name: person.name, reference: user.reference },
        patient: record?.banner ?? null,
        needPatientBanner: grant.needPatientBanner,
        intent: grant.intent,
        focus: {
          assessment: await focusedAssessment(session, from.open),
          study: focusedStudy(parts, session, record),
        },
        style,
        expiresAt: session.expiresAt.toISOString(),
        mayAnswer: isPractitioner(user.reference),
      } satisfies AppContext;
    },
  };
}

/** The assessment of the card's link, where it is this patient's; that of another one is dropped and logged. */
async function focusedAssessment(session: AppSession, open: OpenAssessment): Promise<string | null> {
  const id = assessmentOf(session.grant.appContext);
  if (id === null || session.patientId === null) return null;
  try {
    return (await open(session, id)).stored.id;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

/** `{"assessment": "<uuid>"}`. @see CDS Hooks 2.0 §Link, appContext */
function assessmentOf(appContext: string | null): string | null {
  if (appContext === null || appContext.length > 4_096) return null;
  try {
    const { assessment } = (JSON.parse(appContext) ?? {}) as { readonly assessment?: unknown };
    return typeof assessment === 'string' && isUuid(assessment) ? assessment : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The study of `fhirContext`, where it is this patient's. @see SMART App Launch 2.2 §fhirContext */
function focusedStudy(parts: AppParts, session: AppSession, record: ChartRecord | null): string | null {
  if (record === null) return null;
  const ids = session.grant.fhirContext.flatMap(
    ({ reference }) => /(?:^|\/)ImagingStudy\/([A-Za-z0-9\-.]{1,64})$/.exec(reference ?? '')?.[1] ?? [],
  );
  if (ids.length === 0) return null;
  const study = record.studies.find(({ fhirId }) => fhirId !== null && ids.includes(fhirId));
  if (study === undefined) {
    refused(parts, session);
    return null;
  }
  return studyKeyOf(parts, session, study);
}
