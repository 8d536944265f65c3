import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppStudy } from '#core/app';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type AppServer, startAppServer } from './support/app-server.ts';
import {
  chartLaunch,
  chartOf,
  expectNoSidewaysScroll,
  expectNoViolation,
  openPage,
  type Watched,
  worklistLaunch,
} from './support/page.ts';
import { evidenceOf } from './support/records.ts';

const chromium = chromiumOrSkip();

const script = '<script>globalThis.ran = 1</script><img src=x onerror="globalThis.ran = 1">';
const turned = '\u202Egnihton si siht\u202C \u2066x\u2069';
const long = `${script}${turned}${'W'.repeat(10_000)}`;

/** Fields that come from FHIR and DICOM, or that somebody typed. What the service and its packages write is their own. */
const foreign = new Set([
  ...['started', 'description', 'modalities', 'status', 'issued', 'conclusion', 'performer'],
  ...['view', 'modality', 'studyDate', 'detail', 'comment'],
]);

/** Each such text as somebody hostile would write it. */
function poisoned<T>(value: T, key = ''): T {
  if (typeof value === 'string') return (foreign.has(key) ? long : value) as T;
  if (Array.isArray(value)) return value.map((one) => poisoned(one, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, poisoned(one, name)])) as T;
}

describe.skipIf(!chromium.available)(`hostile text ${chromium.reason}`, () => {
  let server: AppServer;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    server = await startAppServer();
    browser = await launchChromium();
    watched = await openPage(browser, server, { viewport: { width: 400, height: 800 } });
    const chart = chartLaunch('chart');
    const bad: readonly AppStudy[] = poisoned(chart.chart!.studies);
    server.launches.set('chart', {
      ...chart,
      context: {
        ...chart.context,
        patient: { name: long, birthDate: long, sex: 'unknown', identifiers: [long, turned] },
        user: { name: long, reference: 'Practitioner/7' },
      },
      chart: { ...chartOf(...bad), others: poisoned(chart.chart!.others) },
      evidence: {
        'a-elevated': {
          ...poisoned(evidenceOf.elevated),
          answers: evidenceOf.low.answers.map((one) => ({
            ...one,
            comment: long,
            by: { name: long, reference: long },
          })),
          cardFeedback: evidenceOf.elevated.cardFeedback.map((one) => ({
            ...one,
            reason: long,
            comment: long,
          })),
        },
      },
    });
    const list = worklistLaunch('list');
    server.launches.set('list', {
      ...list,
      worklist: {
        ...list.worklist!,
        entries: list.worklist!.entries.map((entry) => ({
          ...poisoned(entry),
          patient: { name: long, birthDate: long, sex: 'other', identifiers: [long] },
        })),
      },
    });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it.each([
    ['timeline', 'chart', ''],
    ['evidence', 'chart', '#/assessments/a-elevated'],
    ['study', 'chart', '#/studies/study-failed'],
    ['study-unread', 'chart', '#/studies/study-ct'],
    ['worklist', 'list', ''],
  ])('%s: shown as text, never run, never wider than 400 px', async (name, launch, hash) => {
    const { page } = watched;
    await watched.open(launch, hash);
    await page.getByText('<script>globalThis.ran').first().waitFor();
    await page.waitForTimeout(300);
    expect(await page.evaluate('globalThis.ran')).toBeUndefined();
    expect(await page.locator('main img, main script').count()).toBe(0);
    await expectNoSidewaysScroll(page, name);
    await expectNoViolation(page, `hostile-${name}`);
    // No mark of direction is left in what is shown.
    expect(await page.locator('body').innerText()).not.toMatch(/[\u202A-\u202E\u2066-\u2069]/);
    expect(watched.problems).toEqual([]);
  });
});
