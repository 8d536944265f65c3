import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppEvidence, AppPicture, AppPictures } from '#core/app';
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
  /** Opens the app by the button of the open card, in the chart. */
  const openApp = async () => {
    await card()
      .getByRole('button', { name: 'Open the image, the evidence and your answer', exact: true })
      .click({ timeout: 20_000 });
    const frame = (await (await page.locator('.app-panel iframe').elementHandle())?.contentFrame()) as Frame;
    await frame.waitForURL(/\/app\/l\/[\w-]+\/#\/assessments\/[\w-]+$/);
    const [, launch, assessment] = /l\/([\w-]+)\/#\/assessments\/([\w-]+)$/.exec(
      frame.url(),
    ) as RegExpExecArray;
    /** What the app's interface answers to the app. */
    const api = async <T>(address: string): Promise<T> =>
      (await frame.evaluate(
        async (url) => (await fetch(url, { headers: { 'x-fovea-app': '1' } })).json(),
        `/api/launches/${launch}/${address}`,
      )) as T;
    return { launch, assessment, api };
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

  it('the link to the source attributes leads somewhere, without violations, light and dark', async () => {
    await open('elevated');
    await card()
      .getByRole('link', { name: /source attributes/ })
      .waitFor({ timeout: 20_000 });
    const links = await card()
      .getByRole('link')
      .evaluateAll((all) => all.map((link) => Reflect.get(link, 'href') as string));
    const own = links.filter((one) => one.startsWith(fovea.base));
    expect(own.length).toBeGreaterThanOrEqual(1);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const link of own) {
        const answer = await page.goto(link);
        expect(answer?.status(), link).toBe(200);
        expect(await axeViolations(page, axe), link).toEqual([]);
      }
    }
  });

  it('behind the card the app has the image, the map over it, the number and every check', async () => {
    await open('elevated');
    const { api, assessment } = await openApp();
    const evidence = await api<AppEvidence>(`assessments/${assessment}`);
    expect(evidence.study).toMatchObject({ state: 'final', findings: [{ name: 'pneumonia' }] });
    expect(evidence.study.findings[0]?.calibration.n).toBeGreaterThan(0);
    expect(evidence.findings[0]?.explanation?.shares.some((share) => share > 0)).toBe(true);
    expect(evidence.gates.map(({ gate }) => gate)).toContain('out-of-distribution');
    const pictures = `studies/${evidence.study.key}/pictures`;
    const { series } = await api<AppPictures>(pictures);
    const read = series.find(({ instances }) => instances.some((one) => one === evidence.image.instance));
    const picture = await api<AppPicture>(`${pictures}/${read?.key}/${evidence.image.instance}`);
    expect(Math.min(picture.rows, picture.columns)).toBeGreaterThan(100);
  });

  it('without the sign-in of the app nothing of the result is shown', async () => {
    await open('elevated');
    const { launch, assessment } = await openApp();
    for (const [address, status] of [
      [`evidence/${assessment}`, 404],
      [`app/l/${launch}/`, 401],
      [`api/launches/${launch}/assessments/${assessment}`, 401],
    ] as const)
      expect(
        (await fetch(`${fovea.base}/${address}`, { headers: { 'x-fovea-app': '1' } })).status,
        address,
      ).toBe(status);
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
