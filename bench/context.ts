import type { Goal, Row } from './row.ts';
import type { PostgresServer } from './support/postgres.ts';

/** What every group of rows is given. */
export interface Context {
  /** Shows that a row runs, not how fast: a tenth of the measurements or less. */
  readonly quick: boolean;
  /** How many stored assessments `stored-assessments` fills in. */
  readonly rows: number;
  /** Empty folder of this run, removed at its end. */
  readonly folder: string;
  /** Progress, one line on standard error. */
  readonly say: (text: string) => void;
  /** `full` measurements, fewer when quick, at least 2. */
  readonly count: (full: number) => number;
  /** Whether this row was asked for: where rows of a group are measured one by one, the others need not run. */
  readonly wants: (goal: Goal) => boolean;
  /** A PostgreSQL of this run: `DATABASE_URL`, else one that is started here; why there is none, in words. Never rejects. */
  readonly postgres: () => Promise<PostgresServer | string>;
}

/** Rows that are measured together, in one run and interleaved. */
export interface Group {
  readonly name: string;
  /** What is compared with what, for `--help`. */
  readonly about: string;
  readonly goals: readonly Goal[];
  readonly run: (context: Context) => Promise<readonly Row[]>;
}
