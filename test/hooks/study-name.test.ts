import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HookTools, StudyAssessment } from '#core/hook-tools';
import { silentLog } from '#core/log';
import { cardOf } from '#hooks/imaging-assessment/card';
import { plainDate } from '#hooks/imaging-assessment/wording';

const now = new Date('2026-11-25T12:00:00Z');
const tools: HookTools = {
  assessments: { forPatient: () => Promise.reject(new TypeError('not asked')) },
  now: () => now,
  log: silentLog,
  signal: new AbortController().signal,
  links: {
    home: 'https://fovea.example',
    sourceAttributes: () => 'https://fovea.example/model',
    app: () => null,
  },
};
const summaryOf = (described: Pick<StudyAssessment, 'description' | 'modalities' | 'started'>) => {
  const pending = { state: 'pending', since: now, usualSeconds: null, lastReason: null } as const;
  const study = { studyKey: 's', images: 1, ...described, ...pending } as StudyAssessment;
  return cardOf(study, tools, null).card.summary;
};

/** The detail of a final result of a study that is described so. */
const detailOf = (description: string | null) => {
  const cases = path.resolve(import.meta.dirname, '../../hooks/imaging-assessment/cases.json');
  const { elevated } = JSON.parse(readFileSync(cases, 'utf8')).studies;
  return String(cardOf({ ...elevated, description }, tools, null).card.detail);
};

describe('the name of a study on its card', () => {
  const started = '2026-11-25';
  const rest = ', 25 Nov 2026: analysis in progress – AI';

  it.each([
    ['Chest', ['DX'], 'Chest'],
    [null, ['DX'], 'DX'],
    [' < ', ['DX'], 'DX'],
    [null, [' '], 'Imaging study'],
    [null, ['<'], 'Imaging study'],
    ['', [], 'Imaging study'],
  ])('description %j and modalities %j give %s', (description, modalities, name) => {
    expect(summaryOf({ description, modalities, started })).toBe(`${name}${rest}`);
  });

  it.each([null, '', '  ', ' \t\u200b ', ' < '])(
    'a description %j is a radiograph in the detail',
    (description) => {
      expect(detailOf(description)).toContain(' of radiograph, 23 Nov 2026,');
    },
  );

  it('a date that the calendar does not have is left out', () => {
    const study = { description: 'Chest', modalities: [] };
    for (const started of ['2026-99-45', '2026-02-30', '2026-11-00', '2026-13', '2026-00-01']) {
      expect(summaryOf({ ...study, started })).toBe('Chest: analysis in progress – AI');
    }
    expect(summaryOf({ ...study, started: null })).toBe('Chest, date not stated: analysis in progress – AI');
  });

  it('a date is as exact as it was written', () => {
    expect(['2026', '2026-02', '2024-02-29', '2026-02-28T23:59:59-11:00'].map(plainDate)).toEqual([
      '2026',
      'Feb 2026',
      '29 Feb 2024',
      '28 Feb 2026',
    ]);
  });
});
