import { useMemo } from 'react';
import type { AppChart, AppStudy } from '#core/app';
import { studyIn } from '../i18n/terms.ts';
import { addressOf } from '../route.ts';
import { useWords } from '../session.tsx';
import { PageHeading } from '../shell/frame.tsx';
import { Said } from '../shell/said.tsx';
import { Loading, Notice, Problem } from '../shell/states.tsx';
import { StudyCard } from './study-card.tsx';
import { StudyName } from './study-words.tsx';
import { TrendPlot } from './trend-plot.tsx';
import { trendsOf } from './trends.ts';
import type { ChartView } from './use-chart.ts';

/** All assessments of the patient by the date of the study, and how each model's results moved. */
export function TimelinePage({ chart }: { readonly chart: ChartView }) {
  const { t, format } = useWords();
  const { loaded, again, moved } = chart;
  return (
    <>
      <div className="page-head">
        <PageHeading title={t('timeline.title')}>{t('timeline.title')}</PageHeading>
        <p className="soft">{t('timeline.lead')}</p>
      </div>
      <p className="hidden" aria-live="polite">
        {moved !== null &&
          t('timeline.moved', {
            date: format.date(moved.started),
            state: t(`state.short.${moved.state}`),
          })}
      </p>
      {loaded.state === 'loading' && <Loading what={t('timeline.loading')} bars={6} />}
      {loaded.state === 'failed' && (
        <Problem error={loaded.error} title={t('timeline.failed')} retry={again} />
      )}
      {loaded.state === 'ready' && <Timeline chart={loaded.value} />}
    </>
  );
}

function Timeline({ chart }: { readonly chart: AppChart }) {
  const { t, format, locale } = useWords();
  const studies = useMemo(
    () => chart.studies.map((study) => studyIn(locale, study)),
    [chart.studies, locale],
  );
  const groups = useMemo(() => byStudy(studies), [studies]);
  const trends = useMemo(() => trendsOf(studies), [studies]);
  return (
    <>
      <Unseen chart={chart} />
      {trends.map((trend) => (
        <section key={`${trend.model.name} ${trend.model.version} ${trend.finding}`} className="panel">
          <h2>
            {t('trend.title')} <Said>{trend.label}</Said>
          </h2>
          <TrendPlot trend={trend} />
        </section>
      ))}
      <section aria-labelledby="studies">
        <h2 id="studies">{t('timeline.studies')}</h2>
        {groups.length === 0 ? (
          <Notice tone="info" title={t('timeline.empty')}>
            <p>{t('timeline.emptyHelp', { n: chart.lookbackDays })}</p>
          </Notice>
        ) : (
          <ol className="studies">
            {groups.map((group) => (
              <li key={group[0]?.key}>
                <StudyCard studies={group} />
              </li>
            ))}
          </ol>
        )}
      </section>
      {chart.others.length > 0 && (
        <section aria-labelledby="others">
          <h2 id="others">{t('timeline.others')}</h2>
          <p className="soft">{t('timeline.othersLead')}</p>
          <ul className="others">
            {chart.others.map((other) => (
              <li key={other.key}>
                <a href={addressOf.study(other.key)}>
                  <StudyName study={other} />
                </a>
                <span>{format.dateTime(other.started)}</span>
                <span className="soft">{t(`other.${other.why}`)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

/** What the page does not show, and why. */
function Unseen({ chart }: { readonly chart: AppChart }) {
  const { t } = useWords();
  const { unread, olderThanLookback, beyondNewest, lookbackDays, incomplete, reportsRead } = chart;
  const parts = [
    incomplete ? t('timeline.incomplete') : null,
    unread > 0 ? t('timeline.unread', { n: unread }) : null,
    olderThanLookback > 0 ? t('timeline.older', { n: olderThanLookback, days: lookbackDays }) : null,
    beyondNewest > 0 ? t('timeline.beyond', { n: beyondNewest }) : null,
    reportsRead ? null : t('report.unreadable'),
  ].filter((part) => part !== null);
  if (parts.length === 0) return null;
  return (
    <Notice tone={incomplete || !reportsRead ? 'warning' : 'quiet'}>
      {parts.map((part) => (
        <p key={part}>{part}</p>
      ))}
    </Notice>
  );
}

/** Entries of one study stand together, in the order of the chart. */
function byStudy(studies: readonly AppStudy[]): readonly (readonly AppStudy[])[] {
  const groups = new Map<string, AppStudy[]>();
  for (const study of studies) {
    const group = groups.get(study.key);
    if (group === undefined) groups.set(study.key, [study]);
    else group.push(study);
  }
  return [...groups.values()];
}
