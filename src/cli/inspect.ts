import { type InspectFileEntry, inspectFiles } from '#assessment/inspect-files';
import { listFiles } from '#assessment/local-files';
import { createProgress, exitCodes, print, table } from './terminal.ts';
import { openWorkbench, shownPath } from './workbench.ts';

/** `fovea inspect PATH… [--json]` */
export async function inspect(
  paths: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const bench = await openWorkbench();
  try {
    const files = await listFiles(paths);
    const entries = await inspectFiles(
      bench.pool(),
      bench.catalogue.packages,
      files,
      createProgress(files.length, 'inspected'),
    );
    print(options.json === true ? JSON.stringify(entries, null, 2) : inWords(entries));
    return exitCodes.fine;
  } finally {
    await bench.close();
  }
}

function inWords(entries: readonly InspectFileEntry[]): string {
  return table(
    ['file', 'status', 'pixels', 'values', 'model'],
    entries.map((entry) => [
      shownPath(entry.path),
      entry.status,
      entry.status === 'decoded'
        ? `${entry.frames} × ${entry.rows} × ${entry.columns} × ${entry.samples} ${entry.dtype}, ${entry.bitsStored} bits, ${entry.photometric}`
        : `${entry.reason?.code}: ${entry.reason?.text}`,
      entry.status === 'decoded' ? `${entry.min} to ${entry.max}, mean ${entry.mean?.toFixed(2)}` : '',
      entry.models
        .map(({ model, taken, gate }) => (taken ? `${model} takes it` : `${model}: ${gate}`))
        .join('; '),
    ]),
  );
}
