import { scaleLinear } from 'd3-scale';
import type { AppDetector } from '#core/app';
import { useWords } from '../session.tsx';
import { Figure } from './figure.tsx';

/** How unlike the reference images this one is, one bar a detector, against the limit 1. */
export function DetectorBars({
  label,
  detectors,
}: {
  readonly label: string;
  readonly detectors: readonly AppDetector[];
}) {
  const { t, format } = useWords();
  const row = 38;
  const height = detectors.length * row + 22;
  const most = Math.max(1.35, ...detectors.map(({ index }) => Math.min(index * 1.08, 3)));
  return (
    <Figure
      label={label}
      height={height}
      caption={t('ood.caption')}
      table={{
        columns: [t('ood.detector'), t('ood.index'), t('ood.falseAlarm')],
        rows: detectors.map(({ name, index, falseAlarm }) => [
          name,
          format.number(index, 2),
          format.share(falseAlarm),
        ]),
      }}
    >
      {(width) => {
        const x = scaleLinear([0, most], [0, width - 44]).clamp(true);
        return (
          <>
            {detectors.map(({ name, index }, at) => (
              <g key={name} className={index > 1 ? 'detector over' : 'detector'}>
                <text x={0} y={at * row + 12}>
                  {name}
                </text>
                <rect x={0} y={at * row + 18} width={Math.max(2, x(index))} height={12} rx={3} />
                <text x={x(index) + 6} y={at * row + 28} className="detector-index">
                  {format.number(index, 2)}
                </text>
              </g>
            ))}
            <g className="limit">
              <line x1={x(1)} x2={x(1)} y1={14} y2={height - 16} />
              <text x={x(1)} y={height - 3} textAnchor="middle">
                {t('ood.limit')}
              </text>
            </g>
          </>
        );
      }}
    </Figure>
  );
}
