import type { AppStudy } from '#core/app';
import { AnswerLine } from '../answers/answer-line.tsx';
import { addressOf } from '../route.ts';
import { useWords } from '../session.tsx';
import { Recorded, Said } from '../shell/said.tsx';
import { FindingLine, NoResult, StudyName } from './study-words.tsx';

/** One study with what each model says of it. */
export function StudyCard({
  studies,
  level = 3,
}: {
  readonly studies: readonly AppStudy[];
  /** Of its heading. */
  readonly level?: 2 | 3;
}) {
  const { t, format } = useWords();
  const [first] = studies;
  if (first === undefined) return null;
  const { report } = first;
  const Heading = `h${level}` as const;
  return (
    <article className="study-card">
      <header>
        <Heading>
          <time>{format.dateTime(first.started)}</time>
          <span className="study-name">
            <StudyName study={first} />
          </span>
        </Heading>
        <p className="soft small">
          {first.modalities.map((modality) => (
            <span key={modality} className="tag">
              <Recorded text={modality} longest={16} />
            </span>
          ))}
          {first.images !== null && t('study.images', { n: first.images })}
          {report !== null && (
            <>
              {' '}
              <span className="tag report-tag">{t('report.there')}</span>
            </>
          )}
        </p>
      </header>
      {studies.map((study) => (
        <div key={`${study.model.name} ${study.model.version}`} className="study-model">
          {study.state === 'final' ? (
            study.findings.map((finding) => <FindingLine key={finding.name} finding={finding} />)
          ) : (
            <NoResult study={study} />
          )}
          <div className="study-foot">
            <p className="soft small">
              <Said>{study.model.title}</Said>
            </p>
            {study.answer !== null && <AnswerLine answer={study.answer} />}
            {(level === 3 || study.assessment !== null) && <StudyLink study={study} />}
          </div>
        </div>
      ))}
    </article>
  );
}

function StudyLink({ study }: { readonly study: AppStudy }) {
  const { t, format } = useWords();
  const href =
    study.assessment === null ? addressOf.study(study.key) : addressOf.assessment(study.assessment);
  const words = study.state === 'final' ? t('study.evidence') : t('study.details');
  return (
    <a className="go" href={href}>
      {words}
      <span className="hidden"> {format.date(study.started)}</span>
    </a>
  );
}
