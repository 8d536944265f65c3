import { scaleLinear, scaleUtc } from 'd3-scale';
import { line } from 'd3-shape';
import type { FindingView } from '#core/hook-tools';
import { anchorAt, Figure } from '../plot/figure.tsx';
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
        const x = scaleUtc([Math.min(...times), Math.max(...times)], [70, width - 34]);
        const y = scaleLinear([0, 1], [height - 58, 14]);
        const path = line<(typeof results)[number]>(
          (point) => x(point.at),
          (point) => y(point.result.probability),
        )(results);
        // At most as many dates as have room.
        const room = Math.max(2, Math.floor((width - 60) / 92));
        const every = Math.ceil(trend.points.length / room);
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
            {trend.points
              .filter(({ result }) => result === null)
              .map(({ study, at }) => (
                <g key={study.key} className={`blank ${study.state}`}>
                  <line x1={x(at)} x2={x(at)} y1={y(0)} y2={y(1)} className="blank-line" />
                  <text x={x(at)} y={y(0) + 15} textAnchor="middle">
                    {t(`state.sign.${study.state}`)}
                  </text>
                </g>
              ))}
            {trend.points.map(({ study, at }, index) =>
              index % every === 0 || index === trend.points.length - 1 ? (
                <text
                  key={study.key}
                  x={x(at)}
                  y={height - 20}
                  textAnchor={anchorAt(x(at), width, 70)}
                  className="tick"
                >
                  {format.date(study.started)}
                </text>
              ) : null,
            )}
          </>
        );
      }}
    </Figure>
  );
}
