import type { AppEvidence, AppFindingEvidence } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import { isOfPicture } from '../i18n/terms.ts';
import { IconArray } from '../plot/icon-array.tsx';
import { NumberLine } from '../plot/number-line.tsx';
import { useWords } from '../session.tsx';
import { atShare, peopleFor } from '../shares.ts';
import { Said } from '../shell/said.tsx';
import { capitalised } from '../text.ts';
import { BandMark } from '../timeline/study-words.tsx';
import { Distribution, Neighbours, Reliability } from './calibration.tsx';
import { pointName, useCounts } from './counts.ts';
import { WhatIf } from './what-if.tsx';

/** One finding: its number, and what the number means in people. */
export function FindingResult({
  finding,
  behind,
  evidence,
}: {
  readonly finding: FindingView;
  readonly behind: AppFindingEvidence | null;
  readonly evidence: AppEvidence;
}) {
  const { t, format } = useWords();
  const { outOf, aboutOutOf } = useCounts();
  const { probability, interval, band, prevalence, calibration, label } = finding;
  const noun = evidence.model.populationNoun;
  const people = peopleFor(prevalence.value, prevalence.calibration, probability);
  const marks = (behind?.here.operatingPoints ?? []).map((point) => ({
    name: pointName(t, point.name),
    value: atShare(point.threshold, prevalence.calibration, prevalence.value),
  }));
  return (
    <section className="panel result" aria-labelledby={`finding-${finding.name}`}>
      <div className="result-head">
        <h2 id={`finding-${finding.name}`}>
          <Said>{capitalised(label)}</Said>
        </h2>
        <BandMark band={band} />
      </div>
      <p className="result-number">
        <strong>{format.percent(probability)}</strong>
        <span>
          {format.range(interval)} <span className="soft">{t('result.uncertainty')}</span>
        </span>
      </p>
      <p className="band-words">{t(`band.words.${band}`)}</p>
      <NumberLine
        label={t('result.line', {
          finding: label,
          share: format.percent(probability),
          range: format.range(interval),
          band: t(`band.${band}`),
        })}
        probability={probability}
        interval={interval}
        band={band}
        marks={marks}
      />
      {finding.atypical && <p className="warning-text">{t('result.atypical', { finding: label })}</p>}
      <div className="two">
        <div>
          <h3>{t('numbers.title')}</h3>
          <p>
            {t('numbers.text', {
              before: outOf(prevalence.value, people),
              noun,
              finding: label,
              after: aboutOutOf(probability, people),
            })}
          </p>
          <p className="soft small">
            {prevalence.source === 'tenant'
              ? t('numbers.tenant', { share: outOf(prevalence.calibration, people) })
              : t('numbers.calibration')}
          </p>
          <p className="soft small">
            {t('result.calibrated', { n: calibration.n, patients: calibration.patients, noun })}
          </p>
          {finding.zones.length > 0 && (
            <p>
              {t('result.where', { zones: format.list([...finding.zones]) })}{' '}
              {finding.zones.some(isOfPicture) && t('result.mirrored')}
            </p>
          )}
        </div>
        <IconArray
          label={t('icons.label', {
            count: aboutOutOf(probability, people),
            low: outOf(interval[0], people),
            high: outOf(interval[1], people),
            finding: label,
          })}
          people={people}
          share={probability}
          interval={interval}
        />
      </div>
      {behind !== null && <ConformalSet behind={behind} finding={finding} noun={noun} />}
      {finding.limits.length > 0 && (
        <div className="limits">
          <h3>{t('result.limits')}</h3>
          <ul>
            {finding.limits.map((limit) => (
              <li key={limit}>
                <Said>{limit}</Said>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

/** One finding: what its number would be elsewhere, and how far it can be trusted. */
export function FindingTrust({
  assessment,
  finding,
  behind,
  noun,
}: {
  readonly assessment: string;
  readonly finding: FindingView;
  readonly behind: AppFindingEvidence;
  readonly noun: string;
}) {
  const { t } = useWords();
  return (
    <>
      <WhatIf assessment={assessment} finding={finding} here={behind.here} noun={noun} />
      <section className="panel" aria-labelledby={`trust-${finding.name}`}>
        <h2 id={`trust-${finding.name}`}>{t('trust.title')}</h2>
        {behind.reliability !== null && (
          <Reliability reliability={behind.reliability} finding={finding} noun={noun} />
        )}
        <Distribution distribution={behind.distribution} finding={finding} noun={noun} />
        {behind.neighbours !== null && behind.neighbours.length > 0 && (
          <Neighbours neighbours={behind.neighbours} finding={finding} noun={noun} />
        )}
      </section>
    </>
  );
}

/** The conformal set in words. */
function ConformalSet({
  behind,
  finding,
  noun,
}: {
  readonly behind: AppFindingEvidence;
  readonly finding: FindingView;
  readonly noun: string;
}) {
  const { t, format } = useWords();
  const has = (label: 'present' | 'absent') => behind.set.includes(label);
  const kind =
    has('present') && has('absent')
      ? 'both'
      : has('present')
        ? 'present'
        : has('absent')
          ? 'absent'
          : 'neither';
  return (
    <div className="conformal">
      <h3>{t('set.title')}</h3>
      <p>
        {t(`set.${kind}`, { finding: finding.label, noun })}{' '}
        <span className="soft">{t('set.coverage', { share: format.share(1 - behind.alpha) })}</span>
      </p>
    </div>
  );
}
