import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations, chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';
import { sandboxCases } from '../support/hospital.ts';

const chromium = chromiumOrSkip();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe.skipIf(!chromium.available)(`the chart page with Fovea behind it ${chromium.reason}`, () => {
  let fovea: FoveaProcess;
  let browser: Browser;
  let page: Page;
  const patientOf = (id: string) => sandboxCases().find((one) => one.id === id)?.patient.id as string;

  beforeAll(async () => {
    fovea = await startFovea('sandbox', { FOVEA_SANDBOX_TOKENS: 'required' });
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  });
  afterAll(async () => {
    await browser?.close();
    await fovea?.stop();
  });

  const card = () => page.getByRole('region', { name: 'Decision support' }).getByRole('article').first();
  const open = async (id: string) => {
    await page.goto('about:blank');
    await page.goto(`${fovea.base}/sandbox/#/patients/${patientOf(id)}`);
    await card().waitFor();
  };

  it('the address that is printed leads to the chart page', async () => {
    await page.goto(fovea.base);
    expect(page.url()).toBe(`${fovea.base}/sandbox/`);
  });

  it('with tokens required, a chart opens with its card: number, interval, where, limits, research use', async () => {
    await open('elevated');
    await expect.poll(() => card().innerText(), { timeout: 20_000 }).toMatch(/elevated/);
    const text = await card().innerText();
    for (const said of [/calibration uncertainty, n = \d+/, /In numbers:/, /Limits:/, /Research use/])
      expect(text).toMatch(said);
  });

  it('a PACS that answers after 3 s: first in progress, then the result in the same place', async () => {
    const slow = sandboxCases().find(({ endpoint }) => endpoint === 'slow')?.id as string;
    await open(slow);
    await expect.poll(() => card().innerText()).toMatch(/analysis in progress/);
    await expect.poll(() => card().innerText(), { timeout: 20_000 }).toMatch(/\d+\s%/);
  });

  it('the link to the source attributes and the evidence page lead somewhere, without violations, light and dark', async () => {
    await open('elevated');
    await expect.poll(() => card().getByRole('link').count(), { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
    const links = await card()
      .getByRole('link')
      .evaluateAll((all) => all.map((link) => Reflect.get(link, 'href') as string));
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const link of links.filter((one) => one.startsWith(fovea.base))) {
        const answer = await page.goto(link);
        expect(answer?.status(), link).toBe(200);
        expect(await axeViolations(page, axe), link).toEqual([]);
      }
    }
  });

  it('the evidence page shows the image, the map over it, the number and every check', async () => {
    await open('elevated');
    const link = card().getByRole('link', { name: /Evidence/ });
    await link.waitFor({ timeout: 20_000 });
    await page.goto((await link.getAttribute('href')) as string);
    const images = page.getByRole('img');
    expect(await images.count()).toBeGreaterThan(0);
    await expect
      .poll(() =>
        page
          .locator('img')
          .first()
          .evaluate((image) => Reflect.get(image, 'naturalWidth') as number),
      )
      .toBeGreaterThan(100);
    expect(await page.locator('main').innerText()).toMatch(
      /calibration uncertainty, n = \d+[\s\S]*out-of-distribution/,
    );
  });

  it('a card that this user overrides is gone when the chart is opened again', async () => {
    await open('low');
    await expect.poll(() => card().innerText(), { timeout: 20_000 }).toMatch(/\blow\b/);
    await card().getByRole('button', { name: 'Override…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio').first().check();
    await dialog.getByRole('button', { name: 'Set aside and send' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.goto('about:blank');
    await page.goto(`${fovea.base}/sandbox/#/patients/${patientOf('low')}`);
    await expect
      .poll(() => page.getByRole('region', { name: 'Decision support' }).innerText(), { timeout: 10_000 })
      .not.toMatch(/pneumonia \d+\s%/);
  });
});
