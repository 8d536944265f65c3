import { scaleLinear } from 'd3-scale';
import type { AppPrevalenceView } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import { Figure } from '../plot/figure.tsx';
import { PercentAxis } from '../plot/percent-axis.tsx';
import { useWords } from '../session.tsx';
import { peopleFor } from '../shares.ts';
import { useCounts } from './counts.ts';

/** From before the image to after it: the share among the examined, and the probability with this result. */
export function BeforeAfter({
  view,
  finding,
  noun,
}: {
  readonly view: AppPrevalenceView;
  readonly finding: FindingView;
  readonly noun: string;
}) {
  const { t, format } = useWords();
  const { outOf, aboutOutOf } = useCounts();
  const { prevalence, probability, interval } = view;
  const people = peopleFor(prevalence, probability);
  const rows = [
    { name: t('before.before'), value: prevalence, interval: null },
    { name: t('before.after'), value: probability, interval },
  ] as const;
  const height = 118;
  return (
    <>
      <Figure
        label={t('before.label', {
          before: format.share(prevalence),
          after: format.percentWithRange(probability, interval),
          finding: finding.label,
        })}
        height={height}
        table={{
          columns: [t('plot.what'), t('plot.value'), t('result.interval')],
          rows: rows.map((row) => [
            row.name,
            row.interval === null ? format.share(row.value) : format.percent(row.value),
            row.interval === null ? '–' : format.range(row.interval),
          ]),
        }}
      >
        {(width) => {
          const x = scaleLinear([0, 1], [10, width - 10]);
          return (
            <>
              <PercentAxis scale={x} y={height - 24} top={6} />
              {rows.map((row, index) => {
                const y = 24 + index * 44;
                const reach = row.interval?.[1] ?? row.value;
                const inside = x(reach) > width - 110;
                return (
                  <g key={row.name} className={index === 0 ? 'before' : 'after'}>
                    <text x={x(0)} y={y - 8}>
                      {row.name}
                    </text>
                    <rect x={x(0)} y={y - 3} width={Math.max(2, x(row.value) - x(0))} height={14} rx={2} />
                    {row.interval !== null &&
                      ['whisker-ground', 'whisker'].map((kind) => (
                        <line
                          key={kind}
                          className={kind}
                          x1={x(row.interval[0])}
                          x2={x(row.interval[1])}
                          y1={y + 4}
                          y2={y + 4}
                        />
                      ))}
                    <text
                      x={inside ? x(1) : x(reach) + 8}
                      y={inside ? y - 8 : y + 8}
                      textAnchor={inside ? 'end' : 'start'}
                      className="value"
                    >
                      {row.interval === null
                        ? format.share(row.value)
                        : format.percentWithRange(row.value, row.interval)}
                    </text>
                  </g>
                );
              })}
            </>
          );
        }}
      </Figure>
      <p>
        {t('numbers.text', {
          before: outOf(prevalence, people),
          noun,
          finding: finding.label,
          after: aboutOutOf(probability, people),
        })}
      </p>
    </>
  );
}
