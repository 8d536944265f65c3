import type { AppFindingEvidence, AppNeighbour } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import { DistributionPlot } from '../plot/distribution-plot.tsx';
import { Table } from '../plot/figure.tsx';
import { ReliabilityPlot } from '../plot/reliability-plot.tsx';
import { useWords } from '../session.tsx';

interface Of {
  readonly finding: FindingView;
  readonly noun: string;
}

/** Whether what is said is what is so, on patients that the calibrator never saw. */
export function Reliability({
  reliability,
  finding,
  noun,
}: Of & { readonly reliability: NonNullable<AppFindingEvidence['reliability']> }) {
  const { t, format } = useWords();
  const { bins, n, patients } = reliability;
  return (
    <div className="block">
      <h3>{t('reliability.title')}</h3>
      <p className="soft small">{t('reliability.lead', { n, patients, noun })}</p>
      <ReliabilityPlot
        label={t('reliability.label', { n: bins.length, finding: finding.label })}
        bins={bins}
      />
      <p className="soft small">
        {t('reliability.bins')} {bins.map((bin) => format.number(bin.n)).join(', ')}.
      </p>
    </div>
  );
}

/** Where this result lies among the cases of the calibration. */
export function Distribution({
  distribution,
  finding,
  noun,
}: Of & { readonly distribution: AppFindingEvidence['distribution'] }) {
  const { t, format } = useWords();
  const { present, absent, here, quantile } = distribution;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const label = t('distribution.label', {
    present: sum(present),
    absent: sum(absent),
    finding: finding.label,
    here: format.percent(here),
    quantile: format.percent(quantile),
  });
  return (
    <div className="block">
      <h3>{t('distribution.title')}</h3>
      <p className="soft small">
        {t('distribution.lead', {
          quantile: format.percent(quantile),
          noun,
          share: format.share(finding.prevalence.calibration),
          here: format.percent(here),
        })}
      </p>
      <DistributionPlot label={label} distribution={distribution} />
    </div>
  );
}

/** The nearest calibration cases by features: outcome and distance, no pictures. */
export function Neighbours({
  neighbours,
  finding,
  noun,
}: Of & { readonly neighbours: readonly AppNeighbour[] }) {
  const { t, format } = useWords();
  const present = neighbours.filter(({ outcome }) => outcome === 'present').length;
  return (
    <div className="block">
      <h3>{t('neighbours.title')}</h3>
      <p>{t('neighbours.lead', { n: neighbours.length, count: present, finding: finding.label, noun })}</p>
      <ol className="neighbours" aria-hidden="true">
        {neighbours.map(({ outcome, distance }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a case has no name, only a rank
          <li key={index} className={outcome}>
            {format.number(distance, 2)}
          </li>
        ))}
      </ol>
      <details className="data">
        <summary>{t('plot.table')}</summary>
        <Table
          caption={t('neighbours.title')}
          table={{
            columns: [t('neighbours.rank'), t('neighbours.outcome'), t('neighbours.distance')],
            rows: neighbours.map(({ outcome, distance }, index) => [
              format.number(index + 1),
              t(`label.${outcome}`),
              format.number(distance, 2),
            ]),
          }}
        />
      </details>
      <p className="soft small">{t('neighbours.caption')}</p>
    </div>
  );
}
