import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Frame, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';

const chromium = chromiumOrSkip();
/** Patience with a machine on which other tests run, milliseconds. */
const patience = 40_000;

/**
 * The app behind a card, with every part real: the EHR's page on 127.0.0.1, the app on localhost, which is another site,
 * in a browser that blocks third-party cookies.
 */
describe.skipIf(!chromium.available)(`the app behind a card ${chromium.reason}`, () => {
  let fovea: FoveaProcess;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let consoleLines: string[];

  beforeAll(async () => {
    fovea = await startFovea('sandbox', { FOVEA_SANDBOX_TOKENS: 'required' });
    browser = await launchChromium('--test-third-party-cookie-phaseout');
  });
  afterAll(async () => {
    await browser?.close();
    await fovea?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(patience);
    consoleLines = [];
    context.on('console', (message) => consoleLines.push(`${message.type()}: ${message.text()}`));
    page = await context.newPage();
  });
  afterEach(() => context.close());

  const openChart = (patient: string) =>
    page.goto(`${fovea.base.replace('localhost', '127.0.0.1')}/sandbox/#/patients/${patient}`);

  /** Opens the app by the card's link in a frame inside the chart. */
  async function openInChart(patient: string): Promise<Frame> {
    await openChart(patient);
    await page
      .getByRole('button', { name: 'Open the image, the evidence and your answer', exact: true })
      .first()
      .click();
    const frame = await (await page.locator('.app-panel iframe').elementHandle())?.contentFrame();
    if (!frame) throw new Error('The chart shows no frame.');
    await frame.waitForURL(/\/app\/l\/[\w-]+\/#\/assessments\/[\w-]+$/);
    return frame;
  }

  /** Opens the app by the button of the chart, in a window of its own. */
  async function openInWindow(patient: string): Promise<Page> {
    await openChart(patient);
    const opened = context.waitForEvent('page');
    await page.getByRole('button', { name: /^Open Fovea/ }).click();
    const app = await opened;
    await app.waitForURL(/\/app\/l\/[\w-]+\//);
    return app;
  }

  const text = (at: Page | Frame): Locator => at.locator('body');
  const says = (at: Page | Frame, words: string | RegExp) =>
    expect.poll(() => text(at).innerText(), { timeout: patience }).toMatch(words);
  const launchOf = (at: Page | Frame) => /\/app\/l\/([\w-]+)\//.exec(at.url())?.[1] as string;

  it('a frame of another site really gets no third-party cookie here, and the app’s own, partitioned one works', async () => {
    const other = await cookieServer();
    await page.goto(other.page);
    const frame = await (await page.locator('iframe').elementHandle())?.contentFrame();
    await frame?.waitForURL(/\/echo/);
    expect(await frame?.locator('body').innerText()).toBe('cookies: partitioned=1');
    await other.close();

    const app = await openInChart('elevated');
    await says(app, /Pneumonia/);
    expect(new URL(app.url()).hostname).toBe('localhost');
  });

  it('from the card it opens at that assessment: the number, the picture with its map, and no error in the console', async () => {
    const app = await openInChart('elevated');
    await says(app, /88\s?%/);
    await says(app, /What was said against what was so/);
    await says(app, /The most similar calibration cases/);
    await app.getByRole('button', { name: 'Open the image' }).click();
    await app.locator('canvas').first().waitFor();
    await app.getByRole('button', { name: 'Map' }).click();
    await says(app, /7 × 7 cells of 32 pixels/);
    expect(consoleLines.filter((line) => /^error|Content.Security.Policy/i.test(line))).toEqual([]);
  });

  it('an answer is kept with who and when, counts once, and a second one stands beside the first', async () => {
    const app = await openInWindow('monochrome1');
    await app.waitForURL(/#\/assessments\//);
    await app.getByRole('radio', { name: 'I disagree' }).check({ force: true });
    await app.getByRole('button', { name: 'Send the answer' }).click();
    await says(app, /Choose a reason/);
    await app
      .getByRole('radiogroup', { name: /Why do you disagree/ })
      .getByRole('radio')
      .first()
      .check({ force: true });
    await app.getByLabel(/Comment/).fill('<b>bold</b> =HYPERLINK("x")');
    await app.getByRole('button', { name: 'Send the answer' }).click();
    await says(app, /The answer is saved/);
    await says(app, /Disagreed/);
    await says(app, /<b>bold<\/b>/);
    await app.getByRole('radio', { name: 'I agree' }).check({ force: true });
    await app.getByRole('button', { name: 'Send the answer' }).click();
    await says(app, /Agreed/);
    await says(app, /changed later/);
    await says(app, /Ruth Hartmann/);
  });

  it('an abstention has no number, no map and says why', async () => {
    const app = await openInWindow('adult');
    await says(app, /No AI result/);
    await says(app, /40 years/);
    expect(await text(app).innerText()).not.toMatch(/calibration uncertainty/);
    await app.getByRole('button', { name: 'Open the image' }).click();
    await app.locator('canvas').first().waitFor();
    expect(await text(app).innerText()).not.toMatch(/cells of 32 pixels/);
  });

  it('two patients in two tabs never mix: each launch answers for its own, and for no assessment of the other', async () => {
    const one = await openInWindow('elevated');
    await says(one, /Astrid Lindqvist/);
    await one.waitForURL(/#\/assessments\//);
    const assessment = one.url().split('/').at(-1) as string;
    const two = await openInWindow('low');
    await says(two, /Chidi Okafor/);
    await one.reload();
    await says(one, /Astrid Lindqvist/);
    expect(launchOf(one)).not.toBe(launchOf(two));
    const ask = (launch: string) =>
      two.evaluate(
        async (address) => (await fetch(address, { headers: { 'x-fovea-app': '1' } })).status,
        `/api/launches/${launch}/assessments/${assessment}`,
      );
    expect(await ask(launchOf(one))).toBe(200);
    expect(await ask(launchOf(two))).toBe(404);
    await two.goto(two.url().replace(/#.*/, `#/assessments/${assessment}`));
    await two.reload();
    await says(two, /not in this patient’s chart/);
    expect(fovea.output()).toContain('app-access-refused');
    expect(fovea.output()).not.toContain(assessment);
  });

  it('another browser gets nothing of a launch', async () => {
    const app = await openInWindow('elevated');
    await says(app, /Astrid Lindqvist/);
    const stranger = await browser.newContext();
    const foreign = await stranger.newPage();
    await foreign.goto(app.url());
    await expect
      .poll(() => foreign.locator('body').innerText(), { timeout: patience })
      .toMatch(/session has ended|does not belong to this browser|Not signed in/);
    expect(await foreign.locator('body').innerText()).not.toContain('Lindqvist');
    await stranger.close();
  });

  it('a pending study moves to its result by itself', async () => {
    const app = await openInWindow('slow-pacs');
    await says(app, /Analysis in progress/);
    await says(app, /calibration uncertainty/);
  });

  it('the worklist of a care team: elevated first, acknowledged by whom, and each chart opens as that patient', async () => {
    // Somebody has opened the charts before.
    for (const patient of ['elevated', 'low']) {
      await openChart(patient);
      await page
        .getByText(/AI, research use/)
        .first()
        .waitFor();
    }
    const worklist = new URLSearchParams({ iss: `${fovea.base}/sandbox/fhir`, context: 'worklist' });
    await page.goto(`${fovea.base}/app/launch?${worklist}`);
    await page
      .getByRole('button', { name: /Jonas Weber/ })
      .first()
      .click();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await says(page, /Astrid Lindqvist/);
    const first = page.getByRole('listitem').filter({ hasText: 'Astrid Lindqvist' }).first();
    await first.getByRole('button', { name: /Acknowledge/ }).click();
    await says(page, /Acknowledged/);
    await page.getByRole('button', { name: /Open the chart of Astrid Lindqvist/ }).click();
    await page.waitForURL((url) => !url.hash.includes('worklist'));
    await says(page, /FV-elevated/);
  });

  it('signing out ends the session for every window of that launch', async () => {
    const app = await openInWindow('elevated');
    await says(app, /Astrid Lindqvist/);
    const address = app.url();
    await app.getByRole('button', { name: 'Sign out' }).click();
    await says(app, /signed out/i);
    await app.goto(address);
    await app.reload();
    await expect
      .poll(() => text(app).innerText(), { timeout: patience })
      .toMatch(/session has ended|does not belong|Not signed in/i);
    expect(await text(app).innerText()).not.toContain('Lindqvist');
  });

  it('no token, name or identifier is in what the service wrote', () => {
    expect(fovea.output()).not.toMatch(
      /Lindqvist|FV-elevated|Bearer|access_token|refresh_token|eyJ[\w-]{10}/,
    );
  });
});

/** A page on 127.0.0.1 with a frame of localhost that sets a plain and a partitioned cookie and says which came back. */
async function cookieServer(): Promise<{ readonly page: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    if (request.url === '/page') {
      const { port } = server.address() as AddressInfo;
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<!doctype html><iframe src="http://localhost:${port}/set"></iframe>`);
    } else if (request.url === '/set') {
      response.writeHead(302, {
        location: '/echo',
        'set-cookie': [
          'plain=1; Secure; SameSite=None; Path=/',
          'partitioned=1; Secure; SameSite=None; Path=/; Partitioned',
        ],
      });
      response.end();
    } else {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end(`cookies: ${request.headers.cookie ?? 'none'}`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    page: `http://127.0.0.1:${port}/page`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
