import { useMemo } from 'react';
import { Button } from 'react-aria-components';
import type { AppAnswer, AppWorklist } from '#core/app';
import { useSession, useWords } from '../session.tsx';
import { PageHeading } from '../shell/frame.tsx';
import { Loading, Notice, Problem } from '../shell/states.tsx';
import { useLoaded } from '../use-loaded.ts';
import { isShown, modalitiesOf, noFilters, useFilters } from './filtering.ts';
import { Filters } from './filters.tsx';
import { WorklistRow } from './worklist-row.tsx';

/** Studies of the patients that the EHR lets this user see: elevated and unanswered first. */
export function WorklistPage() {
  const { t } = useWords();
  const { api } = useSession();
  const [loaded, again, change] = useLoaded(api.worklist);
  return (
    <>
      <div className="page-head evidence-head">
        <div>
          <PageHeading title={t('worklist.title')}>{t('worklist.title')}</PageHeading>
          <p className="soft">{t('worklist.lead')}</p>
        </div>
        <Button onPress={again}>{t('worklist.again')}</Button>
      </div>
      {loaded.state === 'loading' && <Loading what={t('worklist.loading')} bars={7} />}
      {loaded.state === 'failed' && (
        <Problem error={loaded.error} title={t('worklist.failed')} retry={again} />
      )}
      {loaded.state === 'ready' && (
        <List
          worklist={loaded.value}
          onAnswer={(assessment, answer) => change((worklist) => withAnswer(worklist, assessment, answer))}
        />
      )}
    </>
  );
}

function withAnswer(worklist: AppWorklist, assessment: string, answer: AppAnswer): AppWorklist {
  return {
    ...worklist,
    entries: worklist.entries.map((entry) =>
      entry.study.assessment === assessment ? { ...entry, study: { ...entry.study, answer } } : entry,
    ),
  };
}

function List({
  worklist,
  onAnswer,
}: {
  readonly worklist: AppWorklist;
  readonly onAnswer: (assessment: string, answer: AppAnswer) => void;
}) {
  const { t } = useWords();
  const { context } = useSession();
  const [filters, setFilters] = useFilters(context.launch);
  const { entries, incomplete, lookbackDays, notAssessed } = worklist;
  const modalities = useMemo(() => modalitiesOf(entries), [entries]);
  const shown = useMemo(() => entries.filter((entry) => isShown(entry, filters)), [entries, filters]);
  return (
    <>
      {(incomplete || notAssessed > 0) && (
        <Notice tone={incomplete ? 'warning' : 'quiet'}>
          {incomplete && <p>{t('worklist.incomplete')}</p>}
          {notAssessed > 0 && <p>{t('worklist.notAssessed', { n: notAssessed })}</p>}
        </Notice>
      )}
      {entries.length === 0 ? (
        <Notice tone="info" title={t('worklist.empty')}>
          <p>{t('worklist.emptyHelp', { n: lookbackDays })}</p>
        </Notice>
      ) : (
        <>
          <Filters filters={filters} modalities={modalities} onChange={setFilters} />
          <p className="count" aria-live="polite">
            {t('worklist.count', { shown: shown.length, n: entries.length })}
          </p>
          {shown.length === 0 ? (
            <Notice tone="info" title={t('worklist.noMatch')}>
              <Button onPress={() => setFilters(noFilters)}>{t('worklist.clear')}</Button>
            </Notice>
          ) : (
            <section aria-labelledby="entries">
              <h2 id="entries" className="hidden">
                {t('worklist.studies')}
              </h2>
              <ol className="worklist">
                {shown.map((entry) => (
                  <WorklistRow
                    key={`${entry.patientKey} ${entry.study.key} ${entry.study.model.name} ${entry.study.model.version}`}
                    entry={entry}
                    onAnswer={onAnswer}
                  />
                ))}
              </ol>
            </section>
          )}
        </>
      )}
    </>
  );
}
