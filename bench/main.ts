import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Context, Group } from './context.ts';
import { groups } from './groups.ts';
import { type Row, skippedRow } from './row.ts';
import { givenPostgres, type PostgresServer, postgresBinaries, startPostgres } from './support/postgres.ts';
import { tableOf } from './support/table.ts';

interface Options {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly only: readonly string[];
  readonly rows: number;
}

const program = new Command('npm run bench --')
  .description(
    'Measures what Fovea promises, each row beside the physical path in the same run, interleaved.',
  )
  .option('--json', 'print the rows as JSON on standard output and nothing else there')
  .option('--only <name...>', 'only these rows, or groups of rows', [])
  .addOption(
    new Option('--rows <n>', 'how many stored assessments are filled in').default(1_000_000).argParser(count),
  )
  .option('--quick', 'a tenth of the measurements: shows that a row runs, not how fast')
  .addHelpText(
    'after',
    `\nRows, by group:\n${groups.map(({ name, about, goals }) => `  ${name}: ${about}\n${goals.map((goal) => `    ${goal.name}\n`).join('')}`).join('')}
A server or command that is not installed skips its rows and says so. DATABASE_URL, when set, is the PostgreSQL that
is measured; its user must be allowed to create databases. Exit code: 0 also when a goal is missed, 1 when a row
could not be measured for another reason, 2 when the command was not understood.`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

process.exitCode = await bench(program.parse().opts<Options>());

async function bench(options: Options): Promise<number> {
  const wanted = (row: string) =>
    options.only.length === 0 || options.only.some((only) => row === only || row.startsWith(`${only}.`));
  const chosen = groups.filter((group) => group.goals.some((goal) => wanted(goal.name)));
  const unknown = options.only.filter(
    (only) =>
      !groups.some((group) => group.goals.some(({ name }) => name === only || name.startsWith(`${only}.`))),
  );
  if (unknown.length > 0) {
    say(`there is no row ${unknown.join(', ')}; --help lists them`);
    return 2;
  }
  const { context, end } = createContext(options, wanted);
  const rows: Row[] = [];
  const failed: string[] = [];
  const interrupted = () => void end().finally(() => process.exit(1));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    for (const group of chosen) {
      say(`${group.name}: ${group.about}`);
      rows.push(...(await measured(group, context, failed)).filter((row) => wanted(row.name)));
    }
  } finally {
    await end();
  }
  process.stdout.write(options.json === true ? `${JSON.stringify(rows, null, 2)}\n` : `${tableOf(rows)}\n`);
  return failed.length === 0 ? 0 : 1;
}

/** A group that fails takes only its own rows with it. */
async function measured(group: Group, context: Context, failed: string[]): Promise<readonly Row[]> {
  try {
    return await group.run(context);
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    say(`${group.name} failed: ${error instanceof Error ? error.stack : reason}`);
    failed.push(group.name);
    return group.goals.map((goal) => skippedRow(goal, `failed: ${reason.split('\n', 1)[0]}`));
  }
}

function createContext(
  options: Options,
  wanted: (row: string) => boolean,
): { readonly context: Context; end(): Promise<void> } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-bench-'));
  const quick = options.quick === true;
  let server: Promise<PostgresServer | string> | null = null;
  return {
    context: {
      quick,
      rows: options.rows,
      folder,
      say,
      count: (full) => (quick ? Math.max(2, Math.ceil(full / 10)) : full),
      wants: ({ name }) => wanted(name),
      postgres: () => {
        server ??= openPostgres();
        return server;
      },
    },
    async end() {
      const opened = await server;
      if (opened !== null && typeof opened !== 'string') await opened.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One that cannot be had is no reason to lose the rows that need none. */
async function openPostgres(): Promise<PostgresServer | string> {
  try {
    return await findPostgres();
  } catch (error) {
    return `PostgreSQL did not start: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`;
  }
}

async function findPostgres(): Promise<PostgresServer | string> {
  const url = process.env['DATABASE_URL'];
  if (url !== undefined && url !== '') return givenPostgres(url);
  const binaries = postgresBinaries();
  return binaries === null
    ? 'PostgreSQL is not installed and DATABASE_URL names none'
    : startPostgres(binaries);
}

function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number from 1 on.');
  return number;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
