import type { ScaleLinear } from 'd3-scale';
import { useWords } from '../session.tsx';

const ticks = [0, 0.25, 0.5, 0.75, 1] as const;

/** 0 to 100 % along the bottom of a plot, with lines up to `top`. */
export function PercentAxis({
  scale,
  y,
  top,
  label,
}: {
  readonly scale: ScaleLinear<number, number>;
  readonly y: number;
  readonly top: number;
  readonly label?: string;
}) {
  const { format } = useWords();
  const [start, end] = scale.range() as [number, number];
  return (
    <g className="axis">
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={scale(tick)} x2={scale(tick)} y1={top} y2={y} className="grid" />
          <text x={scale(tick)} y={y + 15} textAnchor={tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle'}>
            {format.share(tick)}
          </text>
        </g>
      ))}
      <line x1={start} x2={end} y1={y} y2={y} />
      {label !== undefined && (
        <text x={(start + end) / 2} y={y + 32} textAnchor="middle" className="axis-title">
          {label}
        </text>
      )}
    </g>
  );
}

/** 0 to 100 % up the left of a plot, with lines to `right`. */
export function PercentAxisUp({
  scale,
  x,
  right,
}: {
  readonly scale: ScaleLinear<number, number>;
  readonly x: number;
  readonly right: number;
}) {
  const { format } = useWords();
  return (
    <g className="axis">
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={x} x2={right} y1={scale(tick)} y2={scale(tick)} className="grid" />
          <text x={x - 6} y={scale(tick)} dy="0.32em" textAnchor="end">
            {format.share(tick)}
          </text>
        </g>
      ))}
    </g>
  );
}
