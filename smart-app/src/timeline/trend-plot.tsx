import { scaleLinear, scaleUtc } from 'd3-scale';
import { line } from 'd3-shape';
import type { FindingView } from '#core/hook-tools';
import { Figure } from '../plot/figure.tsx';
import { PercentAxisUp } from '../plot/percent-axis.tsx';
import { useWords } from '../session.tsx';
import type { Trend, TrendPoint } from './trends.ts';

/** One model's results over time with their intervals; a study without a result has a mark below the axis, not a value. */
export function TrendPlot({ trend }: { readonly trend: Trend }) {
  const { t, format } = useWords();
  const height = 232;
  const results = trend.points.filter(
    (point): point is TrendPoint & { readonly result: FindingView } => point.result !== null,
  );
  const first = results[0];
  const last = results.at(-1);
  const label = t('trend.label', {
    finding: trend.label,
    n: results.length,
    first: first === undefined ? '' : format.percent(first.result.probability),
    firstDate: format.date(first?.study.started ?? null),
    last: last === undefined ? '' : format.percent(last.result.probability),
    lastDate: format.date(last?.study.started ?? null),
  });
  return (
    <Figure
      label={label}
      height={height}
      caption={t('trend.caption')}
      table={{
        columns: [t('trend.date'), t('result.probability'), t('result.interval'), t('trend.state')],
        rows: trend.points.map(({ study, result }) => [
          format.date(study.started),
          result === null ? '–' : format.percent(result.probability),
          result === null ? '–' : format.range(result.interval),
          result === null ? t(`state.short.${study.state}`) : t(`band.${result.band}`),
        ]),
      }}
    >
      {(width) => {
        const times = trend.points.map(({ at }) => at);
        const x = scaleUtc([Math.min(...times), Math.max(...times)], [92, width - 50]);
        const y = scaleLinear([0, 1], [height - 58, 14]);
        const path = line<(typeof results)[number]>(
          (point) => x(point.at),
          (point) => y(point.result.probability),
        )(results);
        const dated = spaced(trend.points, (point) => x(point.at), 92);
        const blanks = trend.points.filter(({ result }) => result === null);
        const signed = spaced(blanks, (point) => x(point.at), 60);
        return (
          <>
            <PercentAxisUp scale={y} x={44} right={width - 8} />
            {path !== null && <path d={path} className="through" />}
            {results.map(({ study, at, result }) => (
              <g key={study.key} className={`reading ${result.band}`}>
                <line
                  x1={x(at)}
                  x2={x(at)}
                  y1={y(result.interval[0])}
                  y2={y(result.interval[1])}
                  className="whisker"
                />
                <line
                  x1={x(at) - 4}
                  x2={x(at) + 4}
                  y1={y(result.interval[0])}
                  y2={y(result.interval[0])}
                  className="whisker"
                />
                <line
                  x1={x(at) - 4}
                  x2={x(at) + 4}
                  y1={y(result.interval[1])}
                  y2={y(result.interval[1])}
                  className="whisker"
                />
                <circle cx={x(at)} cy={y(result.probability)} r={5.5} className="point" />
              </g>
            ))}
            {blanks.map((point) => (
              <g key={point.study.key} className="blank">
                <line x1={x(point.at)} x2={x(point.at)} y1={y(0)} y2={y(1)} className="blank-line" />
                {signed.includes(point) && (
                  <text x={x(point.at)} y={y(0) + 15} textAnchor="middle">
                    {t(`state.sign.${point.study.state}`)}
                  </text>
                )}
              </g>
            ))}
            {dated.map(({ study, at }) => (
              <text key={study.key} x={x(at)} y={height - 20} textAnchor="middle" className="tick">
                {format.date(study.started)}
              </text>
            ))}
          </>
        );
      }}
    </Figure>
  );
}

/** Those that have room for their words, from the newest back. @param room CSS pixels between two */
function spaced<T>(points: readonly T[], place: (point: T) => number, room: number): readonly T[] {
  const kept: T[] = [];
  for (const point of [...points].reverse()) {
    const last = kept.at(-1);
    if (last === undefined || place(last) - place(point) >= room) kept.push(point);
  }
  return kept;
}
