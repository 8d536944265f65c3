import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import type { AppFindingEvidence } from '#core/app';
import { useWords } from '../session.tsx';
import { Figure } from './figure.tsx';
import { PercentAxis, PercentAxisUp } from './percent-axis.tsx';

type Reliability = NonNullable<AppFindingEvidence['reliability']>;

/** What was said against what was so, by bins: on the diagonal the number means what it says. */
export function ReliabilityPlot({
  label,
  bins,
}: {
  readonly label: string;
  readonly bins: Reliability['bins'];
}) {
  const { t, format } = useWords();
  const height = 268;
  return (
    <Figure
      label={label}
      height={height}
      caption={t('reliability.caption')}
      table={{
        columns: [t('reliability.said'), t('reliability.had'), t('result.interval'), t('reliability.n')],
        rows: bins.map(({ predicted, observed, interval, n }) => [
          format.percent(predicted),
          format.percent(observed),
          format.range(interval),
          format.number(n),
        ]),
      }}
    >
      {(width) => {
        const x = scaleLinear([0, 1], [48, Math.min(width - 12, 460)]);
        const y = scaleLinear([0, 1], [height - 56, 22]);
        const right = x(1);
        const ideal = line<number>(
          (one) => x(one),
          (one) => y(one),
        )([0, 1]);
        const through = line<Reliability['bins'][number]>(
          (bin) => x(bin.predicted),
          (bin) => y(bin.observed),
        )([...bins]);
        return (
          <>
            <PercentAxisUp scale={y} x={x(0)} right={right} />
            <PercentAxis scale={x} y={y(0)} top={y(1)} label={t('reliability.said')} />
            <text x={0} y={12} className="axis-title">
              {t('reliability.had')}
            </text>
            {ideal !== null && <path d={ideal} className="ideal" />}
            {through !== null && <path d={through} className="through" />}
            {bins.map((bin) => (
              <g key={bin.predicted} className="bin">
                <line
                  x1={x(bin.predicted)}
                  x2={x(bin.predicted)}
                  y1={y(bin.interval[0])}
                  y2={y(bin.interval[1])}
                />
                <circle cx={x(bin.predicted)} cy={y(bin.observed)} r={4.5} />
              </g>
            ))}
          </>
        );
      }}
    </Figure>
  );
}
