import type { AppChart, AppOtherStudy, AppStudy } from '#core/app';
import type { AppSession, AppTools } from '#core/app-ports';
import type { StudyReference } from '#core/imaging';
import { imagesDigest } from '../identity-keys.ts';
import {
  type AskedStudy,
  askFor,
  type ChartStudies,
  settleStudies,
  sortStudies,
  type ToldStudy,
} from '../patient-assessments.ts';
import { type AppParts, askerOf } from './parts.ts';
import type { ChartRecord, Ehr } from './record.ts';
import { assessmentIds, reportOf, studyFacts, studyView } from './study-view.ts';

/** How often the state of what is pending is read at least, milliseconds: a try that failed rings no bell. */
const lookAgainMs = 5_000;

/** The chart of a session's patient, and how it moves. */
export function createChart(parts: AppParts, ehr: Ehr): Pick<AppTools, 'chart' | 'changes'> {
  const views = async (
    session: AppSession,
    record: ChartRecord,
    told: readonly ToldStudy[],
  ): Promise<readonly AppStudy[]> => {
    const answers = await parts.answers.newest(session.tenant.id, assessmentIds(told));
    return told.map((one) =>
      studyView(one, reportOf(record, one.asked.study), answers.get(one.stored?.id ?? '') ?? null),
    );
  };

  return {
    async chart(session) {
      const record = await ehr.record(session);
      const sorted = chartStudies(parts, session, record);
      const asked = record === null ? [] : asksOf(parts, session, record, sorted);
      const told = record === null ? [] : await settleStudies(parts, await askerOf(session), asked);
      const spoken = new Set(told.map((one) => one.asked.study));
      const unread = sorted.recent.filter((study) => !spoken.has(study));
      const other =
        (why: AppOtherStudy['why']) =>
        (study: StudyReference): AppOtherStudy => ({
          ...studyFacts(study, studyKeyOf(parts, session, study)),
          images: study.numberOfInstances,
          why,
          report: record === null ? null : reportOf(record, study),
        });
      const chart: AppChart = {
        studies: record === null ? [] : await views(session, record, told),
        unread: unread.length,
        olderThanLookback: sorted.older.length,
        beyondNewest: sorted.beyondNewest.length,
        lookbackDays: session.tenant.lookbackDays,
        incomplete: record?.incomplete ?? false,
        others: [
          ...unread.map(other('unread')),
          ...sorted.beyondNewest.map(other('beyond-newest')),
          ...sorted.older.map(other('older')),
        ],
        reportsRead: record?.reportsRead ?? false,
      };
      return chart;
    },

    async *changes(session, signal) {
      const record = await ehr.record(session);
      if (record === null) return;
      let asked: readonly AskedStudy[] = asksOf(parts, session, record, chartStudies(parts, session, record));
      const told = new Map<string, string>();
      // Begun before the state is read, so that nothing is missed between.
      const watch = parts.queue.watch(asked.map((one) => one.jobId));
      try {
        while (!signal.aborted) {
          const now = await settleStudies(parts, await askerOf(session), asked);
          const shown = await views(session, record, now);
          for (const [index, study] of shown.entries()) {
            const { jobId } = (now[index] as ToldStudy).asked;
            const text = JSON.stringify(study);
            if (told.get(jobId) === text) continue;
            told.set(jobId, text);
            if (signal.aborted) return;
            yield study;
          }
          asked = now.filter(({ state }) => state.state === 'pending').map((one) => one.asked);
          if (asked.length === 0) return;
          await watch.next(AbortSignal.any([signal, AbortSignal.timeout(lookAgainMs)]));
        }
      } finally {
        watch.close();
      }
    },
  };
}

/** The studies of a record as they are looked at; none where there is no record. */
export function chartStudies(
  parts: Pick<AppParts, 'now'>,
  session: AppSession,
  record: ChartRecord | null,
): ChartStudies {
  const { tenant, user } = session;
  return sortStudies(parts, { tenant, userId: user.reference }, record?.studies ?? []);
}

function asksOf(
  parts: AppParts,
  { tenant, user }: AppSession,
  { patient }: ChartRecord,
  { recent }: ChartStudies,
): readonly AskedStudy[] {
  return recent.flatMap((study) => askFor(parts, { tenant, userId: user.reference }, study, patient));
}

/** The opaque key of a study's content. */
export function studyKeyOf(
  { pseudonyms }: Pick<AppParts, 'pseudonyms'>,
  { tenant }: AppSession,
  study: StudyReference,
): string {
  return pseudonyms.study(tenant.id, study.studyInstanceUid, imagesDigest(study));
}
