import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { axeViolations, chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { fullCard } from './cds-peer.ts';
import { type SandboxServer, startSandbox } from './sandbox-server.ts';

const chromium = chromiumOrSkip();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe.skipIf(!chromium.available)(`apps on the chart page in Chromium ${chromium.reason}`, () => {
  let sandbox: SandboxServer;
  let browser: Browser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    sandbox = await startSandbox();
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await sandbox?.close();
  });
  beforeEach(async () => {
    faults = [];
    const link = (label: string, url: string) => ({ label, url, type: 'smart', appContext: '{"a":1}' });
    const links = [
      link('Evidence', `${sandbox.peer.base}/app/launch`),
      link('Another app', 'https://elsewhere.example/launch'),
    ];
    sandbox.peer.answer = { status: 200, body: { cards: [{ ...fullCard, links }] } };
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
  });
  afterEach(async () => {
    await page.close();
    expect(faults).toEqual([]);
  });

  const open = async () => {
    await page.goto(`${sandbox.base}/#/patients/patient-1`);
    await page.getByRole('button', { name: 'Evidence', exact: true }).waitFor();
  };
  const ordered = async (click: () => Promise<void>) => {
    const [request] = await Promise.all([
      page.waitForRequest((one) => one.url().endsWith('/ehr/launches')),
      click(),
    ]);
    return request.postDataJSON() as Record<string, unknown>;
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const focused = () => page.evaluate<string>('document.activeElement.textContent');

  it('by keyboard: a card’s app opens in the chart with its context, and the focus goes there and back', async () => {
    await open();
    await button('Evidence').focus();
    const order = await ordered(() => page.keyboard.press('Enter'));
    expect(order).toEqual({
      patientId: 'patient-1',
      user: 'Practitioner/demo',
      bannerShown: true,
      colorScheme: 'light',
      url: `${sandbox.peer.base}/app/launch`,
      appContext: '{"a":1}',
    });
    await page.frameLocator('iframe').getByText('iss and launch').waitFor();
    expect(await focused()).toBe('Evidence');
    await button('Close the app').press('Enter');
    expect(await page.locator('iframe').count()).toBe(0);
    expect(await page.evaluate('document.activeElement.tagName')).toBe('BUTTON');
    expect(await focused()).toBe('Evidence');
  });

  it.each([
    ['the app of a card', 'In a new window (Evidence)', { appContext: '{"a":1}' }],
    ['Fovea', 'Open Fovea (in a new window)', {}],
  ])('%s opens in a new window, which knows nothing of the chart', async (_, name, more) => {
    await open();
    const opened = page.context().waitForEvent('page');
    const order = await ordered(() => button(name).click());
    expect(order).toMatchObject({ patientId: 'patient-1', bannerShown: false, ...more });
    const app = await opened;
    await app.getByText('iss and launch').waitFor();
    expect(app.url()).toMatch(/\/app\/launch\?iss=.*&launch=[\w-]{32}$/);
    expect(await app.evaluate('window.opener')).toBeNull();
    await app.close();
  });

  it('an app that is not registered here does not open, and the page says so', async () => {
    await open();
    await button('Another app').click();
    await page.getByRole('alert').getByText('The app did not open').waitFor();
    expect(faults.splice(0)).toEqual([expect.stringContaining('403')]);
    await button('Evidence').click();
    await page.frameLocator('iframe').getByText('iss and launch').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('the app is closed when another user takes over, and opens for that one', async () => {
    await open();
    await button('Evidence').click();
    await page.locator('iframe').waitFor();
    await page.getByLabel('User').selectOption('nurse');
    await expect.poll(() => page.locator('iframe').count()).toBe(0);
    await button('Evidence').waitFor();
    expect(await ordered(() => button('Evidence').click())).toMatchObject({ user: 'Practitioner/nurse' });
  });

  it('the worklist opens by a standalone launch', async () => {
    await page.goto(`${sandbox.base}/`);
    const link = page.getByRole('link', { name: /worklist/ });
    const address = new URL((await link.getAttribute('href')) as string);
    expect(address.origin + address.pathname).toBe(`${sandbox.peer.base}/app/launch`);
    expect(Object.fromEntries(address.searchParams)).toEqual({
      iss: 'http://ehr.example/sandbox/fhir',
      context: 'worklist',
    });
  });

  it.each(['light', 'dark'] as const)(
    'in %s axe finds nothing, with the app in the chart',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await open();
      await button('Evidence').click();
      await page.frameLocator('iframe').getByText('iss and launch').waitFor();
      expect(await axeViolations(page, axe)).toEqual([]);
    },
  );

  it('at 420 pixels nothing scrolls sideways, and the app has the whole width', async () => {
    await page.setViewportSize({ width: 420, height: 800 });
    await open();
    await button('Evidence').click();
    await page.frameLocator('iframe').getByText('iss and launch').waitFor();
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(overflow)).toBe(0);
    expect((await page.locator('iframe').boundingBox())?.width).toBeGreaterThan(390);
  });
});
