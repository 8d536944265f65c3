import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import { useWords } from '../session.tsx';

/** What a plot shows, as a table: for a screen reader, and for who wants the numbers. */
export interface DataTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A plot at the width of its place, in CSS pixels, with its meaning in a sentence and its data in a table. */
export function Figure({
  label,
  height,
  table,
  caption,
  children,
}: {
  /** The plot in a sentence: its text alternative. */
  readonly label: string;
  readonly height: number;
  readonly table: DataTable;
  readonly caption?: ReactNode;
  readonly children: (width: number) => ReactNode;
}) {
  const { t } = useWords();
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(320);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => setWidth(Math.max(200, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <figure className="plot">
      <div ref={place} className="plot-place">
        <svg role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          {children(width)}
        </svg>
      </div>
      {caption !== undefined && <figcaption>{caption}</figcaption>}
      <details className="data">
        <summary>{t('plot.table')}</summary>
        <Table table={table} caption={label} />
      </details>
    </figure>
  );
}

/** The first column names the row. */
export function Table({
  table,
  caption,
  stacks = false,
}: {
  readonly table: DataTable;
  readonly caption: string;
  /** On a narrow page each row is a list of its own: for tables that are read row by row. */
  readonly stacks?: boolean;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by keyboard (axe: scrollable-region-focusable)
    <section className="table-place" tabIndex={0} aria-label={caption}>
      <table className={stacks ? 'stacks' : undefined}>
        <caption className="hidden">{caption}</caption>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map(([head, ...cells], row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the rows of a table of data do not move
            <tr key={row}>
              <th scope="row">{head}</th>
              {cells.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                <td key={column} data-column={table.columns[column + 1]}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Where a label of this place stands so that it stays within the plot. */
export function anchorAt(x: number, width: number, reach: number): 'start' | 'middle' | 'end' {
  if (x < reach) return 'start';
  return x > width - reach ? 'end' : 'middle';
}
