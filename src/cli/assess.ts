import { type AssessEntry, assessFiles } from '#assessment/assess-files';
import { idOf, packageOf } from '#assessment/catalogue';
import { listFiles } from '#assessment/local-files';
import { ServiceError } from '#core/error';
import { percentWithRange } from '#core/shares';
import { createProgress, exitCodes, print, say, table } from './terminal.ts';
import { openWorkbench, shownPath } from './workbench.ts';

/** `fovea assess PATH… [--model NAME[@VERSION]] [--json]` */
export async function assess(
  paths: readonly string[],
  options: { readonly model?: string; readonly json?: boolean },
): Promise<number> {
  const bench = await openWorkbench();
  try {
    const models =
      options.model === undefined
        ? bench.catalogue.packages.map(idOf)
        : [idOf(packageOf(bench.catalogue, options.model))];
    if (models.length === 0)
      throw new ServiceError('MODEL_NOT_FOUND', { detail: 'No model package is installed.' });
    const files = await listFiles(paths);
    const all = await assessFiles(bench.pool(), models, files, createProgress(files.length, 'assessed'));
    const entries = withoutStrays(all, new Set(paths));
    const skipped = all.length - entries.length;
    if (skipped > 0) say(`${skipped} ${skipped === 1 ? 'file that is' : 'files that are'} not DICOM skipped`);
    print(options.json === true ? JSON.stringify(entries, null, 2) : inWords(entries));
    return exitCodes.fine;
  } finally {
    await bench.close();
  }
}

/** Without the files of a folder that are not DICOM; one that was named itself is told. */
function withoutStrays(entries: readonly AssessEntry[], named: ReadonlySet<string>): readonly AssessEntry[] {
  return entries.filter(({ path, reason }) => reason?.code !== 'DICOM_NOT_DICOM' || named.has(path));
}

function inWords(entries: readonly AssessEntry[]): string {
  return table(
    ['file', 'status', 'result'],
    entries.map((entry) => [
      shownPath(entry.path),
      entry.status,
      entry.status === 'final'
        ? entry.findings
            .map(
              ({ name, probability, interval, band }) =>
                `${name} ${percentWithRange(probability, interval)}, ${band}`,
            )
            .join('; ')
        : `${entry.reason?.code}: ${entry.reason?.text}`,
    ]),
  );
}
