import { parse } from 'csv-parse/sync';
import { ServiceError } from '#core/error';

/** One labelled image of a manifest. Empty cells are null. */
export interface LabelledRow {
  /** Relative to the images folder. */
  readonly file: string;
  /** Labels, as written, without empty ones. */
  readonly labels: readonly string[];
  /** The image's own name where the manifest has no patient ids. */
  readonly patientId: string;
  /** Years. */
  readonly age: number | null;
  readonly sex: string | null;
  readonly view: string | null;
  readonly split: string | null;
}

/**
 * Reads a manifest: columns `file` and `label` (several labels separated by `|`), and where known `patient_id`,
 * `age`, `sex`, `view`, `split`; others are ignored.
 *
 * @throws ServiceError MANIFEST_INVALID, naming line and column
 */
export function readManifest(csv: string): readonly LabelledRow[] {
  const rows = records(csv);
  const columns = Object.keys(rows[0] ?? {});
  for (const needed of ['file', 'label']) {
    if (!columns.includes(needed)) throw invalid(`The column ${needed} is missing.`);
  }
  return rows.map((row, index) => {
    const cell = (name: string): string | null => row[name]?.trim() || null;
    const file = cell('file');
    if (file === null) throw invalid(`Line ${index + 2}: file is empty.`);
    if (file.split(/[\\/]/).includes('..'))
      throw invalid(`Line ${index + 2}: file leaves the images folder.`);
    const age = cell('age');
    if (age !== null && !(Number(age) >= 0))
      throw invalid(`Line ${index + 2}: age is not a number of years.`);
    return {
      file,
      labels: (cell('label') ?? '')
        .split('|')
        .map((label) => label.trim())
        .filter((label) => label !== ''),
      patientId: cell('patient_id') ?? file,
      age: age === null ? null : Number(age),
      sex: cell('sex'),
      view: cell('view'),
      split: cell('split'),
    };
  });
}

function records(csv: string): Record<string, string>[] {
  try {
    return parse(csv, { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (cause) {
    const line = (cause as { lines?: number }).lines;
    throw new ServiceError('MANIFEST_INVALID', {
      detail: line === undefined ? 'It is not CSV.' : `Line ${line} is not CSV.`,
      cause,
    });
  }
}

function invalid(detail: string): ServiceError {
  return new ServiceError('MANIFEST_INVALID', { detail });
}

/**
 * Whether a row's labels say that a finding is there: true, false, or null where no label is one the model knows
 * (the row is predicted and left out of the figures). A label names a finding as the manifest of the package does,
 * or with words after it (`pneumonia` in `pneumonia_bacteria`); the labels in `negatives` say that nothing is there.
 * Where the package looks for one thing only, `1`, `true`, `yes`, `present` and `positive` name it too.
 */
export function labelOf(
  labels: readonly string[],
  finding: string,
  findings: readonly string[],
): boolean | null {
  const plain = labels.map(normal);
  const names = (label: string, wanted: string) => label === wanted || label.startsWith(`${wanted} `);
  if (plain.some((label) => names(label, normal(finding)))) return true;
  if (findings.length === 1 && plain.some((label) => positives.has(label))) return true;
  const known = plain.some(
    (label) => negatives.has(label) || findings.some((other) => names(label, normal(other))),
  );
  return known ? false : null;
}

const negatives = new Set(['normal', 'no finding', 'none', 'negative', 'absent', '0', 'false', 'no']);
const positives = new Set(['1', 'true', 'yes', 'present', 'positive']);

function normal(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();
}
