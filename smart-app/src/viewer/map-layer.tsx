import { Enums } from '@cornerstonejs/core';
import { useEffect, useMemo, useRef } from 'react';
import type { AppExplanation } from '#core/app';
import { scaleColour } from './colour-scale.ts';
import type { PaneView } from './pane-view.ts';

/** Where a map's cells lie in the picture, whose sides are 0 to 1. */
interface Cell {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly share: number;
}

/** Cells that speak for the finding, and the edges around those of at least half of the strongest. */
export function mapShapes({
  grid: [rows, columns],
  shares,
  covers: [top, left, bottom, right],
}: AppExplanation): {
  readonly cells: readonly Cell[];
  readonly outline: string;
} {
  const width = (right - left) / columns;
  const height = (bottom - top) / rows;
  const share = (row: number, column: number): number =>
    row < 0 || column < 0 || row >= rows || column >= columns ? 0 : (shares[row * columns + column] ?? 0);
  const cells: Cell[] = [];
  let outline = '';
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const own = share(row, column);
      const [x, y] = [left + column * width, top + row * height];
      if (own > 0) cells.push({ x, y, width, height, share: own });
      if (own < 0.5) continue;
      if (share(row - 1, column) < 0.5) outline += `M${x} ${y}h${width}`;
      if (share(row + 1, column) < 0.5) outline += `M${x} ${y + height}h${width}`;
      if (share(row, column - 1) < 0.5) outline += `M${x} ${y}v${height}`;
      if (share(row, column + 1) < 0.5) outline += `M${x + width} ${y}v${height}`;
    }
  }
  return { cells, outline };
}

/** The map over a pane: moved with the picture outside of React. @param strength opacity of the cells, [0, 1] */
export function MapLayer({
  view,
  explanation,
  strength,
}: {
  readonly view: PaneView;
  readonly explanation: AppExplanation;
  readonly strength: number;
}) {
  const group = useRef<SVGGElement>(null);
  const { cells, outline } = useMemo(() => mapShapes(explanation), [explanation]);
  useEffect(() => {
    const place = () => {
      const corners = view.corners();
      if (corners === null) return;
      const [[x, y], [rightX, rightY], [downX, downY]] = corners;
      const matrix = [rightX - x, rightY - y, downX - x, downY - y, x, y].map((one) => one.toFixed(3));
      group.current?.setAttribute('transform', `matrix(${matrix.join(' ')})`);
    };
    place();
    const events = [Enums.Events.CAMERA_MODIFIED, Enums.Events.IMAGE_RENDERED];
    for (const event of events) view.element.addEventListener(event, place);
    return () => {
      for (const event of events) view.element.removeEventListener(event, place);
    };
  }, [view]);
  return (
    <svg className="viewer-map" aria-hidden="true" data-testid="map">
      <g ref={group}>
        {cells.map(({ x, y, width, height, share }) => (
          <rect
            key={`${x} ${y}`}
            x={x}
            y={y}
            width={width}
            height={height}
            fill={scaleColour(share)}
            fillOpacity={strength}
          />
        ))}
        <path className="viewer-map-halo" d={outline} />
        <path className="viewer-map-outline" d={outline} />
      </g>
    </svg>
  );
}
