import { scaleLinear } from 'd3-scale';
import type { AppFindingEvidence } from '#core/app';
import { useWords } from '../session.tsx';
import { anchorAt, Figure } from './figure.tsx';
import { PercentAxis } from './percent-axis.tsx';

/** The calibration cases by their probability: with the finding upwards, without it downwards, and this result among them. */
export function DistributionPlot({
  label,
  distribution,
}: {
  readonly label: string;
  readonly distribution: AppFindingEvidence['distribution'];
}) {
  const { t, format } = useWords();
  const { edges, present, absent, here } = distribution;
  const most = Math.max(1, ...present, ...absent);
  const height = 230;
  const middle = 104;
  const rows = present.map((count, index) => [
    t('format.range', { low: format.share(edges[index] ?? 0), high: format.share(edges[index + 1] ?? 1) }),
    format.number(count),
    format.number(absent[index] ?? 0),
  ]);
  return (
    <Figure
      label={label}
      height={height}
      table={{ columns: [t('distribution.bin'), t('label.present'), t('label.absent')], rows }}
    >
      {(width) => {
        const x = scaleLinear([0, 1], [10, width - 10]);
        const y = scaleLinear([0, most], [0, 76]);
        const at = x(here);
        return (
          <>
            <PercentAxis scale={x} y={height - 38} top={24} label={t('distribution.axis')} />
            {present.map((count, index) => {
              const left = x(edges[index] ?? 0) + 0.5;
              const wide = Math.max(1, x(edges[index + 1] ?? 1) - left - 0.5);
              const without = absent[index] ?? 0;
              return (
                <g key={edges[index]}>
                  <rect
                    x={left}
                    width={wide}
                    y={middle - y(count)}
                    height={y(count)}
                    className="bar-present"
                  />
                  <rect x={left} width={wide} y={middle} height={y(without)} className="bar-absent" />
                </g>
              );
            })}
            <line x1={x(0)} x2={x(1)} y1={middle} y2={middle} className="base" />
            <text x={x(0.5)} y={middle - 62} textAnchor="middle" className="bar-name">
              {t('distribution.present')}
            </text>
            <text x={x(0.5)} y={middle + 70} textAnchor="middle" className="bar-name">
              {t('distribution.absent')}
            </text>
            <g className="here">
              <line x1={at} x2={at} y1={18} y2={height - 38} />
              <text x={at} y={12} textAnchor={anchorAt(at, width, 50)}>
                {t('distribution.here')}
              </text>
            </g>
          </>
        );
      }}
    </Figure>
  );
}
