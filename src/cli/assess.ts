import { type AssessEntry, assessFiles } from '#assessment/assess-files';
import { idOf, packageOf } from '#assessment/catalogue';
import { listFiles } from '#assessment/local-files';
import { ServiceError } from '#core/error';
import { outOf, peopleFor, percentWithRange } from '#core/shares';
import type { ModelPackage } from '#inference/package-types';
import { shiftPrevalence } from '#statistics/prevalence';
import { createProgress, exitCodes, print, say, table } from './terminal.ts';
import { openWorkbench, shownPath } from './workbench.ts';

/** An entry whose findings name the share of the finding that probability and interval hold for, (0, 1). */
type Told = Omit<AssessEntry, 'findings'> & {
  readonly findings: readonly (AssessEntry['findings'][number] & { readonly prevalence: number })[];
};

/** `fovea assess PATH… [--model NAME[@VERSION]] [--prevalence SHARE] [--json]` */
export async function assess(
  paths: readonly string[],
  options: { readonly model?: string; readonly prevalence?: string; readonly json?: boolean },
): Promise<number> {
  const prevalence = options.prevalence === undefined ? null : shareOf(options.prevalence);
  const bench = await openWorkbench();
  try {
    const packages =
      options.model === undefined ? bench.catalogue.packages : [packageOf(bench.catalogue, options.model)];
    if (packages.length === 0)
      throw new ServiceError('MODEL_NOT_FOUND', { detail: 'No model package is installed.' });
    if (prevalence !== null) packages.forEach(mustHaveOneFinding);
    const models = packages.map(idOf);
    const files = await listFiles(paths);
    const all = await assessFiles(bench.pool(), models, files, createProgress(files.length, 'assessed'));
    const entries = withoutStrays(all, new Set(paths)).map((entry) => told(entry, packages, prevalence));
    const skipped = all.length - entries.length;
    if (skipped > 0) say(`${skipped} ${skipped === 1 ? 'file that is' : 'files that are'} not DICOM skipped`);
    print(options.json === true ? JSON.stringify(entries, null, 2) : inWords(entries, prevalence));
    return exitCodes.fine;
  } finally {
    await bench.close();
  }
}

function shareOf(text: string): number {
  const share = text.trim() === '' ? Number.NaN : Number(text);
  if (!(share > 0 && share < 1))
    throw new ServiceError('USAGE', {
      detail: '--prevalence takes a share between 0 and 1, 0.2 for one in five.',
    });
  return share;
}

/** One share says nothing of several findings. */
function mustHaveOneFinding(pkg: ModelPackage): void {
  const { findings, exclusive } = pkg.manifest;
  if (findings.length > 1 || exclusive)
    throw new ServiceError('USAGE', {
      detail: `--prevalence is the share of one finding; ${idOf(pkg)} tells several. Choose another with --model.`,
    });
}

/** Numbers are assessed at the share of the calibration set and moved as those of a card are. */
function told(entry: AssessEntry, packages: readonly ModelPackage[], prevalence: number | null): Told {
  const pkg = packages.find(
    ({ manifest }) => manifest.name === entry.model?.name && manifest.version === entry.model.version,
  );
  return {
    ...entry,
    findings: entry.findings.map((finding) => {
      const from = pkg?.calibration[finding.name]?.prevalence;
      if (from === undefined)
        throw new ServiceError('MODEL_PACKAGE_INVALID', { detail: `${finding.name} has no calibration.` });
      return prevalence === null
        ? { ...finding, prevalence: from }
        : { ...finding, ...shiftPrevalence(finding, from, prevalence), prevalence };
    }),
  };
}

/** Without the files of a folder that are not DICOM; one that was named itself, or that its name calls DICOM, is told. */
function withoutStrays(entries: readonly AssessEntry[], named: ReadonlySet<string>): readonly AssessEntry[] {
  const isMeant = (path: string) => named.has(path) || /\.(dcm|dicom)$/i.test(path);
  return entries.filter(({ path, reason }) => reason?.code !== 'DICOM_NOT_DICOM' || isMeant(path));
}

function inWords(entries: readonly Told[], prevalence: number | null): string {
  const note =
    prevalence === null
      ? 'The share beside each number is the one at calibration. --prevalence <share> moves the numbers to another, as a card does to the share of its tenant.'
      : 'The numbers were moved to the share beside them, as a card does to the share of its tenant.';
  const results = table(
    ['file', 'status', 'result'],
    entries.map((entry) => [
      shownPath(entry.path),
      entry.status,
      entry.status === 'final'
        ? entry.findings
            .map(
              ({ name, probability, interval, band, prevalence: share }) =>
                `${name} ${percentWithRange(probability, interval)} where ${inHundred(share)} have it, ${band}`,
            )
            .join('; ')
        : `${entry.reason?.code}: ${entry.reason?.text}`,
    ]),
  );
  return entries.some(({ findings }) => findings.length > 0) ? `${results}\n\n${note}` : results;
}

function inHundred(share: number): string {
  return outOf(share, peopleFor(share));
}
