import type { AppSession } from '#core/app-ports';
import { ServiceError } from '#core/error';
import type { OpenedAssessment } from '#store/assessments';
import { isUuid, studyHash } from '#store/keys';
import { type AskedStudy, askFor } from '../patient-assessments.ts';
import type { AppParts } from './parts.ts';
import type { ChartRecord, Ehr } from './record.ts';

/** An assessment to which a session has proved access. */
export interface Opened {
  readonly stored: OpenedAssessment;
  readonly asked: AskedStudy;
  readonly record: ChartRecord;
}

/** Opens an assessment by its id. */
export type OpenAssessment = (session: AppSession, id: string) => Promise<Opened>;

/**
 * Access by the session's own studies: the assessment must be of a study, with the very content and identity, that the
 * EHR gives this session for its patient now, by a model that speaks here. Anything else is NOT_FOUND and a line in the
 * log, whether the assessment exists or not. @see DESIGN fact 9
 */
export function createAccess(parts: AppParts, ehr: Ehr): OpenAssessment {
  return async (session, id) => {
    const { tenant, user } = session;
    const [record, stored] = await Promise.all([
      ehr.record(session),
      isUuid(id) ? parts.store.byId(tenant.id, id) : null,
    ]);
    if (record !== null && stored !== null) {
      const study = record.studies.find(
        (one) => studyHash(tenant.id, one.studyInstanceUid) === stored.studyHash,
      );
      const asked =
        study === undefined
          ? undefined
          : askFor(parts, { tenant, userId: user.reference }, study, record.patient).find((one) =>
              isOf(stored, one),
            );
      if (asked !== undefined) return { stored, asked, record };
    }
    refused(parts, session);
    throw new ServiceError('NOT_FOUND');
  };
}

/** Whether an assessment is of this very content of a study, by this model, which speaks here. */
export function isOf(
  { studyHash: hash, contentDigest, model }: OpenedAssessment,
  { ask, model: asked }: AskedStudy,
): boolean {
  return (
    studyHash(ask.tenant, ask.studyInstanceUid) === hash &&
    ask.contentDigest === contentDigest &&
    ask.model.name === model.name &&
    ask.model.version === model.version &&
    asked.state === 'active'
  );
}

/** The audit line of something asked for that is not this session's to see. No id is in it. */
export function refused({ log }: Pick<AppParts, 'log'>, { tenant }: AppSession): void {
  log.warn({ event: 'app-access-refused', tenant: tenant.id, code: 'NOT_FOUND' });
}
