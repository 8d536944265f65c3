import { useEffect } from 'react';
import type { AppChart, AppOtherStudy, AppStudy } from '#core/app';
import { Picture } from '../evidence/picture.tsx';
import { Report } from '../evidence/report.tsx';
import { studyIn } from '../i18n/terms.ts';
import { addressOf } from '../route.ts';
import { useWords } from '../session.tsx';
import { PageHeading } from '../shell/frame.tsx';
import { Loading, Notice, Problem } from '../shell/states.tsx';
import { StudyCard } from './study-card.tsx';
import { StudyName } from './study-words.tsx';
import type { ChartView } from './use-chart.ts';

/**
 * One study: what each model says of it, or that none was asked. One that is pending moves to its result; a study with
 * a single assessment is its evidence.
 */
export function StudyPage({ studyKey, chart }: { readonly studyKey: string; readonly chart: ChartView }) {
  const { t, format, locale } = useWords();
  const { loaded, again, moved } = chart;
  const studies =
    loaded.state === 'ready'
      ? loaded.value.studies.filter(({ key }) => key === studyKey).map((study) => studyIn(locale, study))
      : [];
  const other = loaded.state === 'ready' ? otherOf(loaded.value, studyKey) : null;
  const single = studies.length === 1 ? (studies[0]?.assessment ?? null) : null;
  useEffect(() => {
    if (single !== null) location.replace(addressOf.assessment(single));
  }, [single]);
  const study: AppStudy | AppOtherStudy | null = studies[0] ?? other;
  const title = study === null ? t('study.title') : t('study.of', { date: format.date(study.started) });
  return (
    <>
      <nav aria-label={t('nav.where')} className="trail">
        <a href={addressOf.home}>{t('timeline.title')}</a>
        <span aria-hidden="true">›</span>
        <span aria-current="page">{t('study.title')}</span>
      </nav>
      <div className="page-head">
        <PageHeading title={title}>{study === null ? title : <StudyName study={study} />}</PageHeading>
        {study !== null && <p className="soft">{format.dateTime(study.started)}</p>}
      </div>
      <p className="hidden" aria-live="polite">
        {moved?.key === studyKey &&
          t('timeline.moved', { date: format.date(moved.started), state: t(`state.short.${moved.state}`) })}
      </p>
      {loaded.state === 'loading' && <Loading what={t('timeline.loading')} bars={5} />}
      {loaded.state === 'failed' && (
        <Problem error={loaded.error} title={t('timeline.failed')} retry={again} />
      )}
      {loaded.state === 'ready' && study === null && (
        <Notice tone="warning" title={t('study.missing')}>
          <p>{t('study.missingHelp')}</p>
          <p>
            <a href={addressOf.home}>{t('evidence.toTimeline')}</a>
          </p>
        </Notice>
      )}
      {loaded.state === 'ready' && study !== null && (
        <div className="study-page">
          <Report report={study.report} read={loaded.value.reportsRead} />
          {studies.length > 0 ? (
            <StudyCard studies={studies} level={2} />
          ) : (
            <Notice tone="info" title={t('study.notAsked')}>
              <p>{t(`other.${(study as AppOtherStudy).why}`)}</p>
            </Notice>
          )}
          <Picture study={study} evidence={null} chart={chart} />
        </div>
      )}
    </>
  );
}

function otherOf(chart: AppChart, key: string): AppOtherStudy | null {
  return chart.others.find((one) => one.key === key) ?? null;
}
