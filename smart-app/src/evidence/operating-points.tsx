import type { AppOperatingPoint, AppPrevalenceView } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import type { Measured } from '#core/model-package';
import { Table } from '../plot/figure.tsx';
import { useWords } from '../session.tsx';
import { atShare } from '../shares.ts';
import { pointName } from './counts.ts';

/** How often each decision would be right at the share of the view. */
export function OperatingPoints({
  view,
  finding,
}: {
  readonly view: AppPrevalenceView;
  readonly finding: FindingView;
}) {
  const { t, format } = useWords();
  if (view.operatingPoints.length === 0) return null;
  const rate = ({ value, interval }: Pick<Measured, 'value' | 'interval'>) =>
    format.percentWithRange(value, interval);
  const of = ({ n, patients }: Measured) =>
    patients === undefined ? t('points.n', { n }) : t('points.nPatients', { n, patients });
  const falseAlerts = ({ falsePerTrue }: AppOperatingPoint) => {
    if (falsePerTrue === null || !Number.isFinite(falsePerTrue)) return '–';
    if (falsePerTrue <= 0) return t('points.falseNone');
    return falsePerTrue > 2 / 3
      ? t('points.falseMany', { ratio: format.number(falsePerTrue, 1) })
      : t('points.falseFew', { n: Math.round(1 / falsePerTrue) });
  };
  return (
    <>
      <h3>{t('points.title')}</h3>
      <p className="soft small">
        {t('points.lead', { share: format.share(view.prevalence), finding: finding.label })}
      </p>
      <Table
        caption={t('points.title')}
        stacks
        table={{
          columns: [
            t('points.point'),
            t('points.ppv'),
            t('points.npv'),
            t('points.false'),
            t('points.sensitivity'),
            t('points.specificity'),
          ],
          rows: view.operatingPoints.map((point) => [
            t('points.name', {
              name: pointName(t, point.name),
              threshold: format.share(
                atShare(point.threshold, finding.prevalence.calibration, view.prevalence),
              ),
            }),
            rate(point.ppv),
            rate(point.npv),
            falseAlerts(point),
            `${rate(point.sensitivity)}; ${of(point.sensitivity)}`,
            `${rate(point.specificity)}; ${of(point.specificity)}`,
          ]),
        }}
      />
      <p className="soft small">{t('points.threshold')}</p>
    </>
  );
}
