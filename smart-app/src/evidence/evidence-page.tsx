import { useCallback, useEffect, useMemo } from 'react';
import { Button } from 'react-aria-components';
import type { AppAnswer, AppEvidence } from '#core/app';
import { AnswerPanel } from '../answers/answer-panel.tsx';
import { SaidBefore } from '../answers/said-before.tsx';
import { evidenceIn } from '../i18n/terms.ts';
import { addressOf } from '../route.ts';
import { useSession, useWords } from '../session.tsx';
import { PageHeading } from '../shell/frame.tsx';
import { Recorded, Said } from '../shell/said.tsx';
import { Loading, Problem } from '../shell/states.tsx';
import { NoResult, StudyName } from '../timeline/study-words.tsx';
import type { ChartView } from '../timeline/use-chart.ts';
import { useLoaded } from '../use-loaded.ts';
import { Checks } from './checks.tsx';
import { FindingResult, FindingTrust } from './finding.tsx';
import { Picture } from './picture.tsx';
import { ModelFactsList, SourceAttributes } from './provenance.tsx';
import { Report } from './report.tsx';

/** Everything behind one assessment: the radiologist first, then the number, then why one may or may not believe it. */
export function EvidencePage({ id, chart }: { readonly id: string; readonly chart: ChartView }) {
  const { t, locale } = useWords();
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.evidence(id, signal), [api, id]);
  const [loaded, again, change] = useLoaded(load);
  const told = useMemo(
    () => (loaded.state === 'ready' ? evidenceIn(locale, loaded.value) : null),
    [loaded, locale],
  );
  usePrintedWhole();
  const { answered } = chart;
  const take = useCallback(
    (answer: AppAnswer) => {
      change((evidence) => ({
        ...evidence,
        study: { ...evidence.study, answer },
        answers: [...evidence.answers.filter((one) => one.id !== answer.id), answer],
      }));
      answered(id, answer);
    },
    [change, answered, id],
  );
  return (
    <>
      <nav aria-label={t('nav.where')} className="trail">
        <a href={addressOf.home}>{t('timeline.title')}</a>
        <span aria-hidden="true">›</span>
        <span aria-current="page">{t('evidence.title')}</span>
      </nav>
      {told !== null ? (
        <Evidence evidence={told} chart={chart} onAnswer={take} />
      ) : (
        <>
          <div className="page-head">
            <PageHeading title={t('evidence.title')}>{t('evidence.title')}</PageHeading>
          </div>
          {loaded.state !== 'failed' ? (
            <Loading what={t('evidence.loading')} bars={7} />
          ) : loaded.error.code === 'NOT_FOUND' ? (
            <div className="notice critical" role="alert">
              <p className="notice-title">{t('evidence.foreign')}</p>
              <p>{t('evidence.foreignHelp')}</p>
              <p>
                <a href={addressOf.home}>{t('evidence.toTimeline')}</a>
              </p>
            </div>
          ) : (
            <Problem error={loaded.error} title={t('evidence.failed')} retry={again} />
          )}
        </>
      )}
    </>
  );
}

function Evidence({
  evidence,
  chart,
  onAnswer,
}: {
  readonly evidence: AppEvidence;
  readonly chart: ChartView;
  readonly onAnswer: (answer: AppAnswer) => void;
}) {
  const { t, format } = useWords();
  const { study, model, image } = evidence;
  return (
    <div className="evidence">
      <div className="page-head evidence-head">
        <div>
          <PageHeading title={t('evidence.of', { date: format.date(study.started) })}>
            <StudyName study={study} />
          </PageHeading>
          <p className="soft">
            {format.dateTime(study.started)}
            {image.view !== null && (
              <>
                {' · '}
                {t('image.view')} <Recorded text={image.view} longest={24} />
              </>
            )}
            {image.ageYears !== null && ` · ${t('image.age', { n: Math.floor(image.ageYears) })}`}
            {study.images !== null && ` · ${t('image.oneOf', { n: study.images })}`}
          </p>
          <p className="soft small">
            <Said>{model.title}</Said> ({model.name} {model.version})
          </p>
        </div>
        <div className="head-actions no-print">
          {study.assessment !== null && (
            <Button
              className="button to-answer"
              onPress={() => {
                const answer = document.getElementById('answer');
                answer?.scrollIntoView();
                answer?.focus();
              }}
            >
              {t('answer.title')}
            </Button>
          )}
          <Button onPress={() => print()}>{t('evidence.print')}</Button>
        </div>
      </div>
      {model.use === 'research' && (
        <p className="research">
          <strong>{t('use.research')}</strong> {t('use.researchHelp')}
        </p>
      )}
      {model.use === 'investigational' && (
        <p className="research">
          <strong>{t('use.investigational')}</strong>
        </p>
      )}
      <Report
        report={study.report}
        read={chart.loaded.state === 'ready' ? chart.loaded.value.reportsRead : true}
      />
      <div className="evidence-columns">
        <div className="evidence-main">
          {study.state === 'final' ? (
            study.findings.map((finding, index) => (
              <FindingResult
                key={finding.name}
                finding={finding}
                behind={evidence.findings[index] ?? null}
                evidence={evidence}
              />
            ))
          ) : (
            <section className="panel">
              <h2>{t('result.none')}</h2>
              <NoResult study={study} />
            </section>
          )}
          <Picture study={study} evidence={evidence} chart={chart} />
          {study.findings.map((finding, index) => {
            const behind = evidence.findings[index];
            return behind === undefined || study.assessment === null ? null : (
              <FindingTrust
                key={finding.name}
                assessment={study.assessment}
                finding={finding}
                behind={behind}
                noun={model.populationNoun}
              />
            );
          })}
          <Checks gates={evidence.gates} quality={evidence.quality} detectors={evidence.outOfDistribution} />
          <ModelFactsList evidence={evidence} />
          <SourceAttributes attributes={evidence.sourceAttributes} />
        </div>
        <div className="evidence-side">
          {study.assessment !== null && (
            <AnswerPanel
              key={study.assessment}
              assessment={study.assessment}
              findings={study.findings}
              answers={evidence.answers}
              onAnswer={onAnswer}
            />
          )}
          <SaidBefore answers={evidence.answers} feedback={evidence.cardFeedback} findings={study.findings} />
        </div>
      </div>
    </div>
  );
}

/** What is folded on the screen is open on paper, except the tables of plots that are printed themselves. */
function usePrintedWhole(): void {
  useEffect(() => {
    const open = () => {
      for (const one of document.querySelectorAll('details:not([open], .data)')) {
        one.setAttribute('open', '');
        one.setAttribute('data-for-print', '');
      }
    };
    const close = () => {
      for (const one of document.querySelectorAll('details[data-for-print]')) {
        one.removeAttribute('open');
        one.removeAttribute('data-for-print');
      }
    };
    addEventListener('beforeprint', open);
    addEventListener('afterprint', close);
    return () => {
      removeEventListener('beforeprint', open);
      removeEventListener('afterprint', close);
    };
  }, []);
}
