import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkCard } from '#cds/card';
import type { Card } from '#cds/types';
import type { HookTools, StudyAssessment } from '#core/hook-tools';
import { silentLog } from '#core/log';
import { services } from '#hooks/index';

interface Cases {
  readonly now: string;
  readonly studies: Readonly<Record<string, Record<string, unknown>>>;
  readonly cases: readonly {
    readonly name: string;
    readonly hook?: string;
    readonly userId?: string;
    readonly studies: readonly string[];
    readonly showLow?: boolean;
    /** Studies that no model reads, and studies older than the lookback of 365 days; default 0. */
    readonly unread?: number;
    readonly olderThanLookback?: number;
    /** Prefetch keys that could not be read to their end. */
    readonly incomplete?: readonly string[];
    readonly expected: readonly Card[];
  }[];
}

/** `UPDATE_CASES=1` writes the cards that come out into cases.json, to be read before they are committed. */
const update = process.env['UPDATE_CASES'] === '1';

const folder = path.resolve(import.meta.dirname, '..', '..', 'hooks');

describe.each(services.map((service) => ({ id: service.id, service })))('cases of $id', ({ id, service }) => {
  const file = JSON.parse(readFileSync(path.join(folder, id, 'cases.json'), 'utf8')) as Cases;

  const updated: Cases['cases'][number][] = [];

  it.each(file.cases)('$name', async (one) => {
    const definition = service.hooks[one.hook ?? 'patient-view'];
    if (definition === undefined) throw new Error(`${id} has no hook ${one.hook}`);
    const answer = await definition.handle(
      {
        hook: one.hook ?? 'patient-view',
        hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
        context: { userId: one.userId ?? 'Practitioner/1', patientId: 'p1' },
        prefetch: { patient: {}, imagingStudies: {} },
        incomplete: new Set(one.incomplete ?? []),
      },
      toolsOf(
        file,
        one.studies.map((name) => studyOf(file, name)),
        one,
      ),
    );
    const cards = answer.cards.map(({ card }) => card);
    if (update) updated.push({ ...one, expected: cards });
    for (const card of cards) expect(checkCard(card), card.summary).toEqual([]);
    if (!update) expect(cards).toEqual(one.expected);
  });

  it.runIf(update)('the expected cards are written', () => {
    expect(updated.length, 'every case gave its cards').toBe(file.cases.length);
    writeFileSync(
      path.join(folder, id, 'cases.json'),
      `${JSON.stringify({ ...file, cases: updated }, null, 2)}\n`,
    );
  });
});

it('every service folder is in the list, and every service has its folder', () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(services.map((service) => service.id).sort()).toEqual(folders.map((entry) => entry.name).sort());
});

function studyOf(file: Cases, name: string): StudyAssessment {
  const { extends: base, finding, image, use, ...own } = file.studies[name] as Record<string, unknown>;
  if (base === undefined) return revived(own);
  const from = structuredClone(file.studies[String(base)]) as {
    result: { findings: object[]; image: object; model: { use: string } };
  };
  if (finding !== undefined) Object.assign(from.result.findings[0] as object, finding);
  if (image !== undefined) Object.assign(from.result.image, image);
  if (use !== undefined) from.result.model.use = String(use);
  return revived({ ...from, ...own });
}

/** Dates of JSON as Date. */
function revived(study: Record<string, unknown>): StudyAssessment {
  const since = study['since'];
  return {
    ...study,
    ...(since !== undefined && { since: new Date(String(since)) }),
  } as unknown as StudyAssessment;
}

function toolsOf(
  file: Cases,
  studies: readonly StudyAssessment[],
  { showLow = false, unread = 0, olderThanLookback = 0 }: Cases['cases'][number],
): HookTools {
  return {
    assessments: {
      forPatient: async () => ({
        studies,
        unread,
        olderThanLookback,
        beyondNewest: 0,
        lookbackDays: 365,
        showLow,
      }),
    },
    now: () => new Date(file.now),
    log: silentLog,
    signal: new AbortController().signal,
    links: {
      home: 'https://fovea.example',
      sourceAttributes: (model, version) =>
        `https://fovea.example/cds-services/imaging-assessment/source-attributes?model=${model}&version=${version}`,
      app: (assessment) => ({
        url: 'https://fovea.example/app/launch',
        appContext: JSON.stringify({ assessment }),
      }),
    },
  };
}
