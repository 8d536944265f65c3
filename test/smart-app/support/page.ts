import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { AppChart, AppStudy, AppWorklist } from '#core/app';
import { codeSystems } from '#core/identifiers';
import { axeViolations } from '../../support/chromium.ts';
import type { AppServer, LaunchState } from './app-server.ts';
import { context, evidenceOf, studies } from './records.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const reasons = [
  { system: codeSystems.answerReason, code: 'absent', display: 'I do not see the finding in the image' },
  { system: codeSystems.answerReason, code: 'place', display: 'The finding is elsewhere than the map shows' },
];

export function chartOf(...own: readonly AppStudy[]): AppChart {
  return {
    studies: own,
    unread: 1,
    olderThanLookback: 0,
    beyondNewest: 0,
    lookbackDays: 730,
    incomplete: false,
    others: [
      {
        key: 'study-ct',
        started: '2025-12-30T16:00:00Z',
        description: 'CT HEAD W/O CONTRAST',
        modalities: ['CT'],
        images: 212,
        why: 'unread',
        report: null,
      },
    ],
    reportsRead: true,
  };
}

/** A launch with a patient and studies in every state. */
export function chartLaunch(launch: string): LaunchState {
  const { elevated, pending, abstained, failed, indeterminate, low } = studies;
  return {
    context: { ...context, launch },
    chart: chartOf(pending, elevated, abstained, failed, indeterminate, low),
    evidence: {
      'a-elevated': evidenceOf.elevated,
      'a-abstained': evidenceOf.abstained,
      'a-low': evidenceOf.low,
    },
    reasons,
  };
}

const names = ['Tomás Núñez Vega', 'Aisha Rahman', 'Noah van der Berg', 'Lucía Fernández Ortiz'];

export function worklistLaunch(launch: string): LaunchState {
  const { elevated, abstained, indeterminate, low } = studies;
  const entries: AppWorklist['entries'] = [
    { ...elevated, report: null },
    indeterminate,
    { ...abstained, modalities: ['CR'] },
    low,
  ].map((study, index) => ({
    patientKey: `patient-${index}`,
    patient: {
      name: names[index] as string,
      birthDate: `202${index}-05-1${index}`,
      sex: 'unknown',
      identifiers: [`MRN 0042${index}17`],
    },
    study: { ...study, key: `${study.key}-${index}` },
  }));
  return {
    context: { ...context, launch, patient: null },
    worklist: { entries, lookbackDays: 730, incomplete: false, notAssessed: 2 },
    evidence: {},
    reasons,
  };
}

/** Pages of one server, watched for what a Content-Security-Policy refused and for errors of scripts. */
export interface Watched {
  readonly page: Page;
  readonly problems: string[];
  open(launch: string, hash?: string): Promise<void>;
}

export async function openPage(
  browser: Browser,
  server: AppServer,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const within = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Madrid',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await within.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // Answers other than success are what some tests are about.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      problems.push(`console: ${message.text()}`);
  });
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (one) => console.error('CSP ' + one.violatedDirective + ' ' + one.blockedURI));",
  );
  return {
    page,
    problems,
    open: async (launch, hash = '') => {
      await page.goto('about:blank');
      await page.goto(`${server.base}/app/l/${launch}/${hash}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => page.locator('.loading').count()).toBe(0);
    },
  };
}

/** axe in light and dark; a picture of each where `FOVEA_SHOTS` names a folder. */
export async function expectNoViolation(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await picture(page, `${name}-${colorScheme}`);
    expect(await axeViolations(page, axe), `${name}, ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['FOVEA_SHOTS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `app-${name}.png`), fullPage: true });
}

/** Nothing of the page is cut or scrolls sideways. */
export async function expectNoSidewaysScroll(page: Page, name: string): Promise<void> {
  const wide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = Reflect.get(globalThis, 'document').documentElement as {
      scrollWidth: number;
      clientWidth: number;
    };
    return scrollWidth - clientWidth;
  });
  expect(wide, `${name}: pixels wider than the window`).toBeLessThanOrEqual(0);
}
