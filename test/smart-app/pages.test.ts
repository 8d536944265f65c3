import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type AppServer, startAppServer } from './support/app-server.ts';
import {
  chartLaunch,
  chartOf,
  expectNoSidewaysScroll,
  expectNoViolation,
  openPage,
  picture,
  type Watched,
  worklistLaunch,
} from './support/page.ts';
import { context, studies } from './support/records.ts';

const chromium = chromiumOrSkip();

describe.skipIf(!chromium.available)(`the pages of the app ${chromium.reason}`, () => {
  let server: AppServer;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    server = await startAppServer();
    browser = await launchChromium();
    watched = await openPage(browser, server);
    const { launches } = server;
    launches.set('chart', chartLaunch('chart'));
    launches.set('list', worklistLaunch('list'));
    launches.set('empty', { ...chartLaunch('empty'), chart: { ...chartOf(), others: [], unread: 0 } });
    launches.set('empty-list', {
      ...worklistLaunch('empty-list'),
      worklist: { entries: [], lookbackDays: 730, incomplete: false, notAssessed: 0 },
    });
    launches.set('broken', {
      ...chartLaunch('broken'),
      refuse: { below: 'chart', code: 'FHIR_UNAVAILABLE' },
    });
    launches.set('broken-list', {
      ...worklistLaunch('broken-list'),
      refuse: { below: 'worklist', code: 'FHIR_UNAUTHORIZED' },
    });
    launches.set('slow-list', {
      ...worklistLaunch('slow-list'),
      slow: { below: 'worklist', milliseconds: 600_000 },
    });
    launches.set('ended', { ...chartLaunch('ended'), refuse: { below: '', code: 'SMART_SESSION_ENDED' } });
    launches.set('slow', { ...chartLaunch('slow'), slow: { below: 'chart', milliseconds: 600_000 } });
    launches.set('parent', {
      ...chartLaunch('parent'),
      context: { ...context, launch: 'parent', mayAnswer: false },
    });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const pages = [
    { name: 'timeline', launch: 'chart', hash: '#/', says: /Over time/ },
    { name: 'evidence', launch: 'chart', hash: '#/assessments/a-elevated', says: /In numbers/ },
    { name: 'evidence-low', launch: 'chart', hash: '#/assessments/a-low', says: /does not rule it out/ },
    { name: 'abstained', launch: 'chart', hash: '#/assessments/a-abstained', says: /does not speak/ },
    { name: 'wrong-patient', launch: 'chart', hash: '#/assessments/a-other', says: /right patient is open/ },
    { name: 'study-failed', launch: 'chart', hash: '#/studies/study-failed', says: /failed/ },
    { name: 'study-pending', launch: 'chart', hash: '#/studies/study-pending', says: /in progress/ },
    { name: 'study-unread', launch: 'chart', hash: '#/studies/study-ct', says: /No model was asked/ },
    { name: 'study-missing', launch: 'chart', hash: '#/studies/none', says: /not in this patient/ },
    { name: 'no-imaging', launch: 'empty', hash: '', says: /No imaging study/ },
    { name: 'error', launch: 'broken', hash: '', says: /FHIR server could not answer/ },
    { name: 'session-ended', launch: 'ended', hash: '', says: /session has ended/ },
    { name: 'foreign-launch', launch: 'unknown', hash: '', says: /does not belong to this browser/ },
    { name: 'not-a-clinician', launch: 'parent', hash: '', says: /shown to clinicians/ },
    { name: 'worklist', launch: 'list', hash: '', says: /elevated and unanswered first/ },
    { name: 'worklist-empty', launch: 'empty-list', hash: '', says: /Nothing on the worklist/ },
    { name: 'worklist-error', launch: 'broken-list', hash: '', says: /The worklist/ },
  ] as const;

  it.each(pages)(
    '$name: says what it is, that no result is no negative; no violation in light and dark',
    async ({ name, launch, hash, says }) => {
      await watched.open(launch, hash);
      const { page } = watched;
      await expect.poll(() => page.locator('body').innerText()).toMatch(says);
      expect(await page.locator('body').innerText()).toContain('No result is not a negative');
      await expectNoViolation(page, name);
      expect(watched.problems).toEqual([]);
    },
  );

  it.each(pages)(
    '$name: fits 360 px, a frame of 400 px, and 200 % zoom; no violation in either',
    async ({ name, launch, hash, says }) => {
      const { page } = watched;
      await page.setViewportSize({ width: 360, height: 740 });
      await watched.open(launch, hash);
      await expect.poll(() => page.locator('body').innerText()).toMatch(says);
      await picture(page, `${name}-360`);
      await expectNoSidewaysScroll(page, `${name}, 360 px`);
      await page.setViewportSize({ width: 400, height: 740 });
      await expectNoSidewaysScroll(page, `${name}, 400 px`);
      await expectNoViolation(page, `${name}-400`);
      // 200 % zoom of a window of 1280 px is one of 640 px.
      await page.setViewportSize({ width: 640, height: 450 });
      await expectNoSidewaysScroll(page, `${name}, 200 %`);
      await expectNoViolation(page, `${name}-zoomed`);
      await page.setViewportSize({ width: 1280, height: 900 });
    },
  );

  it.each([
    ['chart', 'slow', 'Loading the studies'],
    ['worklist', 'slow-list', 'Loading the worklist'],
  ])(
    'while the %s loads the page says so, and nothing that looks like a result is there',
    async (of, launch, says) => {
      const { page } = watched;
      await page.goto('about:blank');
      await page.goto(`${server.base}/app/l/${launch}/`);
      await page.getByText(says).waitFor({ state: 'attached' });
      await expectNoViolation(page, `loading-${of}`);
      expect(await page.locator('.finding-number').count()).toBe(0);
    },
  );

  it('without a launch the page says how one gets in', async () => {
    const { page } = watched;
    await page.goto(`${server.base}/app/none/`);
    await page.getByRole('heading', { name: 'Not signed in' }).waitFor();
    await expectNoViolation(page, 'not-signed-in');
  });

  it('an abstention, a failure and a pending study have no number, no map and no band', async () => {
    const { page } = watched;
    await watched.open('chart', '#/assessments/a-abstained');
    expect(await page.locator('.result-number, .finding-number, .icon-array, .band').count()).toBe(0);
    await watched.open('chart');
    for (const { description } of [studies.abstained, studies.pending]) {
      const card = page.locator('.study-card', { hasText: description });
      expect(await card.innerText()).not.toMatch(/\d+\s?%/);
    }
  });
});
