import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe } from 'vitest';
import type { AssessedStudy } from '#core/assessment';
import { type Database, openDatabase } from '#store/database';
import { migrate } from '#store/migrate';
import type { JobRequest } from '#store/queue';
import { type PostgresServer, postgresInstalled, startPostgres } from './postgres.ts';

export type DatabaseKind = 'embedded' | 'postgres';

/** The same suite on both kinds of database; that of PostgreSQL is skipped, with the reason, where it is not installed. */
export function describeDatabases(title: string, suite: (kind: DatabaseKind) => void): void {
  describe(`${title}, embedded`, () => suite('embedded'));
  describe.skipIf(!postgresInstalled.available)(
    `${title}, PostgreSQL ${postgresInstalled.reason}`.trim(),
    () => suite('postgres'),
  );
}

/** Where a test's databases are. */
export interface Place {
  /** null on the embedded kind. */
  readonly server: PostgresServer | null;
  /** Options of an empty database of its own. */
  options(): Promise<{ url: string } | { folder: string }>;
  /** An empty, migrated database; closed with the place. */
  open(): Promise<Database>;
  close(): Promise<void>;
}

export async function openPlace(kind: DatabaseKind): Promise<Place> {
  const server = kind === 'postgres' ? await startPostgres() : null;
  const root = mkdtempSync(path.join(os.tmpdir(), 'fovea-store-'));
  const opened: Database[] = [];
  let count = 0;
  const options = async () => {
    count += 1;
    return server === null
      ? { folder: path.join(root, String(count)) }
      : { url: await server.createDatabase(`fovea${count}`) };
  };
  return {
    server,
    options,
    async open() {
      const database = await openDatabase(await options());
      opened.push(database);
      await migrate(database);
      return database;
    },
    async close() {
      for (const database of opened) await database.close();
      await server?.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export const model = { name: 'chest', version: '1.0.0' } as const;

/** A job on study number `study`. */
export function request(study: number, more: Partial<JobRequest> = {}): JobRequest {
  return {
    tenant: 'hospital',
    studyInstanceUid: `2.25.${study}`,
    contentDigest: 'a'.repeat(64),
    model,
    payload: { study },
    credential: 'tenant',
    ...more,
  };
}

/** A whole result, as large as a real one. */
export function result(probability = 0.25): AssessedStudy {
  return {
    assessment: {
      status: 'final',
      reason: null,
      model: { ...model, variant: 'fp32', provider: 'cpu' },
      image: {
        sopInstanceUid: '2.25.1.1',
        view: 'AP',
        modality: 'DX',
        ageYears: 3.5,
        studyDate: '2026-01-01',
      },
      findings: [
        {
          name: 'pneumonia',
          code: { system: 'http://snomed.info/sct', code: '233604007', display: 'Pneumonia' },
          probability,
          interval: [probability / 2, (1 + probability) / 2],
          band: 'indeterminate',
          set: ['present', 'absent'],
          atypical: false,
          zones: [],
        },
      ],
      gates: [{ gate: 'modality', passed: true, detail: 'The image is DX; the model reads CR, DX.' }],
      timing: { fetch: 20, decode: 40, infer: 90, total: 160 },
    },
    private: { logits: [-1.0986], outOfDistribution: [], quality: { sharpness: 1 }, explanations: [] },
  };
}
