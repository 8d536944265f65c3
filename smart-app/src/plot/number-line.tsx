import { scaleLinear } from 'd3-scale';
import type { Band } from '#core/assessment';
import { useWords } from '../session.tsx';
import { anchorAt, Figure } from './figure.tsx';
import { PercentAxis } from './percent-axis.tsx';

/** A mark on the line below it, e.g. an operating point. */
export interface LineMark {
  readonly name: string;
  readonly value: number;
}

/** A probability with its interval on a line from 0 to 100 %, and the operating points below it. */
export function NumberLine({
  label,
  probability,
  interval,
  band,
  marks,
}: {
  readonly label: string;
  readonly probability: number;
  readonly interval: readonly [number, number];
  readonly band: Band;
  readonly marks: readonly LineMark[];
}) {
  const { t, format } = useWords();
  const axisY = 46;
  const height = axisY + 26 + marks.length * 20;
  return (
    <Figure
      label={label}
      height={height}
      table={{
        columns: [t('plot.what'), t('plot.value')],
        rows: [
          [t('result.probability'), format.percent(probability)],
          [t('result.interval'), format.range(interval)],
          ...marks.map(({ name, value }) => [name, format.share(value)]),
        ],
      }}
    >
      {(width) => {
        const scale = scaleLinear([0, 1], [10, width - 10]);
        return (
          <>
            <PercentAxis scale={scale} y={axisY} top={8} />
            {marks.map(({ name, value }, index) => {
              const x = scale(value);
              const y = axisY + 36 + index * 20;
              const side = x > width / 2 ? 'end' : 'start';
              return (
                <g key={name} className="mark">
                  <line x1={x} x2={x} y1={10} y2={y - 4} />
                  <text x={x + (side === 'end' ? -6 : 6)} y={y} textAnchor={side}>
                    {`${name} ${format.share(value)}`}
                  </text>
                </g>
              );
            })}
            <g className={`reading ${band}`}>
              <rect
                x={scale(interval[0])}
                y={22}
                width={Math.max(3, scale(interval[1]) - scale(interval[0]))}
                height={12}
                rx={6}
                className="interval"
              />
              <circle cx={scale(probability)} cy={28} r={7} className="point" />
              <text x={scale(probability)} y={12} textAnchor={anchorAt(scale(probability), width, 24)}>
                {format.percent(probability)}
              </text>
            </g>
          </>
        );
      }}
    </Figure>
  );
}
