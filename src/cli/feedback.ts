import path from 'node:path';
import { type FeedbackRow, feedbackColumns, feedbackRows } from '#assessment/feedback-rows';
import type { Config } from '#config';
import { ServiceError } from '#core/error';
import { type Database, openDatabase } from '#store/database';
import { hasCluster } from '#store/embedded';
import { openFeedbackExport } from '#store/feedback-export';
import { readConfiguration } from './configuration.ts';
import { exitCodes, print, say } from './terminal.ts';

/** `fovea feedback export --json|--csv`: what clinicians said of results, in the app and of cards. */
export async function exportFeedback(options: {
  readonly json?: boolean;
  readonly csv?: boolean;
}): Promise<number> {
  if ((options.json === true) === (options.csv === true))
    throw new ServiceError('USAGE', { detail: 'Give either --json or --csv.' });
  const config = readConfiguration();
  const rows = await readRows(config);
  print(
    options.json === true
      ? JSON.stringify(rows, null, 2)
      : [
          feedbackColumns.join(','),
          ...rows.map((row) => feedbackColumns.map((name) => csvCell(row[name])).join(',')),
        ].join('\n'),
  );
  return exitCodes.fine;
}

async function readRows(config: Config): Promise<readonly FeedbackRow[]> {
  const database = await open(config);
  if (database === null) {
    say('There is no database yet: nothing was said so far.');
    return [];
  }
  try {
    const source = await openFeedbackExport(database);
    if (source !== null) return await feedbackRows(source);
    say('The database is of an older Fovea: the next start of this one brings its schema up to date.');
    return [];
  } finally {
    await database.close();
  }
}

/** null: the embedded database is not made yet. @throws ServiceError DATA_FOLDER_LOCKED, STORE_UNAVAILABLE */
async function open({ databaseUrl, dataFolder }: Config): Promise<Database | null> {
  if (databaseUrl !== null) return openDatabase({ url: databaseUrl });
  const folder = path.join(dataFolder, 'database');
  if (!(await hasCluster(folder))) return null;
  return openDatabase({ folder }).catch((cause: unknown) => {
    if (!(cause instanceof ServiceError) || cause.code !== 'DATA_FOLDER_LOCKED') throw cause;
    throw new ServiceError('DATA_FOLDER_LOCKED', {
      detail:
        'A running Fovea holds the embedded database. Stop it for the export and start it again; with PostgreSQL (DATABASE_URL) the export runs beside it.',
      cause,
    });
  });
}

/**
 * One cell. Texts of others that a spreadsheet would take for a formula begin with an apostrophe.
 * @see RFC 4180; OWASP, CSV Injection
 */
function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const safe = /^\s*[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
