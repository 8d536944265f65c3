import type { Row } from '../row.ts';

/** The rows for people: columns aligned, what a value is made of behind it. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [['row', 'value', 'goal', 'holds', 'n', 'spread', 'made of'], ...rows.map(cellsOf)];
  const widths = (cells[0] as string[]).map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(row: Row): string[] {
  const parts = Object.entries(row.parts ?? {}).map(([name, value]) => `${name} ${value}`);
  return [
    row.name,
    row.value === null ? '–' : `${row.value} ${row.unit}`,
    `${row.goal} ${row.unit}`,
    row.holds === null ? '–' : row.holds ? 'yes' : 'NO',
    String(row.n),
    row.spread === undefined ? '' : row.spread.join(' – '),
    [...parts, row.note, row.skipped === undefined ? undefined : `skipped: ${row.skipped}`]
      .filter((part) => part !== undefined)
      .join(', '),
  ];
}
