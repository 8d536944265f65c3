import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { axeViolations, chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';

const chromium = chromiumOrSkip();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe.skipIf(!chromium.available).each(['required', 'optional'])(
  `Fovea opened from the sandbox EHR, tokens %s ${chromium.reason}`,
  (rule) => {
    let fovea: FoveaProcess;
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;

    beforeAll(async () => {
      fovea = await startFovea('sandbox', { FOVEA_SANDBOX_TOKENS: rule });
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await fovea?.stop();
    });
    beforeEach(async () => {
      context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      page = await context.newPage();
    });
    afterEach(() => context.close());

    /** The chart by the other name of this machine: to its page the app is another site. */
    const chart = (patient: string) =>
      `${fovea.base.replace('localhost', '127.0.0.1')}/sandbox/#/patients/${patient}`;

    const says = (app: Page, text: string) =>
      expect.poll(() => app.locator('body').innerText(), { timeout: 20_000 }).toContain(text);

    it('by its button: the app opens in a window of its own and says whose chart it is', async () => {
      await page.goto(chart('elevated'));
      const opened = context.waitForEvent('page');
      await page.getByRole('button', { name: /^Open Fovea/ }).click();
      const app = await opened;
      await app.waitForURL(/\/app\/l\/[\w-]+\//);
      expect(new URL(app.url()).hostname).toBe('localhost');
      await says(app, 'Astrid Lindqvist');
    });

    it('by a list of its own: who, whether, and then the worklist; each page without violations', async () => {
      await page.goto(`${fovea.base}/sandbox/`);
      const opened = context.waitForEvent('page');
      await page.getByRole('link', { name: /worklist/ }).click();
      const app = await opened;
      for (const [heading, button] of [
        ['Sign in', /Jonas Weber/],
        ['Allow Fovea?', 'Allow'],
      ] as const) {
        await app.getByRole('heading', { name: heading }).waitFor();
        for (const colorScheme of ['light', 'dark'] as const) {
          await app.emulateMedia({ colorScheme });
          expect(await axeViolations(app, axe)).toEqual([]);
        }
        await app.getByRole('button', { name: button, exact: true }).first().click();
      }
      await app.waitForURL(/\/app\/l\/[\w-]+\//);
      await says(app, 'Jonas Weber');
    });

    it('by itself: it asks for a patient, and at 400 pixels nothing scrolls sideways', async () => {
      await page.setViewportSize({ width: 400, height: 800 });
      await page.goto(
        `${fovea.base}/app/launch?${new URLSearchParams({ iss: `${fovea.base}/sandbox/fhir` })}`,
      );
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      for (const button of [/Dr Ruth Hartmann/, /Chidi Okafor/, 'Allow'] as const) {
        const choice = page.getByRole('button', { name: button, exact: true }).first();
        await choice.waitFor();
        expect(await page.evaluate(overflow)).toBe(0);
        expect(await axeViolations(page, axe)).toEqual([]);
        await choice.click();
      }
      await page.waitForURL(/\/app\/l\/[\w-]+\//);
      await says(page, 'Chidi Okafor');
    });

    it('a launch that is refused says so, in light and dark and at 400 pixels, without violations', async () => {
      await page.setViewportSize({ width: 400, height: 800 });
      await page.goto(`${fovea.base}/app/launch?iss=https%3A%2F%2Fehr.invalid%2Ffhir`);
      await says(page, 'The app did not open');
      await says(page, 'not a negative result');
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate(overflow)).toBe(0);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeViolations(page, axe)).toEqual([]);
      }
    });

    it('says nothing on its own account of the libraries behind it', () => {
      expect(fovea.output()).not.toContain('oidc-provider');
    });
  },
);
