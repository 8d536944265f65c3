import type { AppStudy } from '#core/app';
import type { Band } from '#core/assessment';
import type { FindingView } from '#core/hook-tools';
import { useWords } from '../session.tsx';
import { Recorded, Said } from '../shell/said.tsx';
import { capitalised } from '../text.ts';

/** A study's own name: its description, else its modality. */
export function StudyName({ study }: { readonly study: Pick<AppStudy, 'description' | 'modalities'> }) {
  const { t } = useWords();
  const text = [study.description, ...study.modalities].find((one) => one !== null && one.trim() !== '');
  return text == null ? t('study.noName') : <Recorded text={text} longest={140} />;
}

/** The band as a word and a sign; colour alone says nothing. */
export function BandMark({ band }: { readonly band: Band }) {
  const { t } = useWords();
  return (
    <span className={`band ${band}`}>
      <span className="band-sign" aria-hidden="true" />
      {t(`band.${band}`)}
    </span>
  );
}

/** A finding in one line: its number, its interval, its band. */
export function FindingLine({ finding }: { readonly finding: FindingView }) {
  const { format } = useWords();
  return (
    <p className="finding-line">
      <span className="finding-label">
        <Said>{capitalised(finding.label)}</Said>
      </span>
      <strong className="finding-number">{format.percent(finding.probability)}</strong>
      <span className="soft">{format.range(finding.interval)}</span>
      <BandMark band={finding.band} />
    </p>
  );
}

/** What a study without a result says in its place: never a number. @param moves whether the page shows its result by itself */
export function NoResult({ study, moves = true }: { readonly study: AppStudy; readonly moves?: boolean }) {
  const { t, format } = useWords();
  if (study.state === 'pending') {
    const { pending, reason } = study;
    return (
      <div className="no-result pending">
        <p className="no-result-title">
          <span className="spinner" aria-hidden="true" />
          {t('state.pending')}
        </p>
        <p className="small">
          {pending !== null && t('state.pendingSince', { at: format.moment(pending.since) })}{' '}
          {pending?.usualSeconds != null &&
            t('state.pendingUsual', { n: Math.max(1, Math.round(pending.usualSeconds)) })}{' '}
          {moves && t('state.pendingMoves')}
        </p>
        {reason !== null && (
          <p className="small">
            {t('state.lastTry')} <Said>{reason.text}</Said>
          </p>
        )}
      </div>
    );
  }
  return (
    <div className={`no-result ${study.state}`}>
      <p className="no-result-title">{t(study.state === 'abstained' ? 'state.abstained' : 'state.failed')}</p>
      {study.reason !== null && (
        <p className="small">
          <Said>{study.reason.text}</Said> <Said>{study.reason.help}</Said>
        </p>
      )}
      <p className="small soft">
        {t('state.saysNothing')} {study.reason !== null && <code>{study.reason.code}</code>}
      </p>
    </div>
  );
}
