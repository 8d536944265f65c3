import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';

const chromium = chromiumOrSkip();

/** The chart on 127.0.0.1, the app on localhost: two sites, and no cookie of the one in frames of the other but kept apart. */
describe.skipIf(!chromium.available)(`the app in a frame of another site ${chromium.reason}`, () => {
  let fovea: FoveaProcess;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** A server that is on no list: it shows in a frame what its address says. */
  let stranger: Server;
  beforeAll(async () => {
    fovea = await startFovea('sandbox');
    browser = await launchChromium('--test-third-party-cookie-phaseout');
    stranger = createServer((request, response) =>
      response
        .setHeader('content-type', 'text/html')
        .end(`<iframe src="${decodeURIComponent((request.url ?? '').slice(2))}"></iframe>`),
    );
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    stranger?.close();
    await browser?.close();
    await fovea?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
  });
  afterEach(() => context.close());

  const chart = () => `${fovea.base.replace('localhost', '127.0.0.1')}/sandbox/#/patients/elevated`;
  /** Opens the app from the card. @returns the address of the app's page */
  const launch = async (): Promise<string> => {
    await page.goto(chart());
    await page.getByText('Open the image, the evidence and your answer').first().click();
    await page.frameLocator('iframe').getByText('Astrid Lindqvist').first().waitFor();
    return page.frames()[1]?.url().replace(/#.*/, '') ?? '';
  };

  it('S12 the cookie is out of reach of scripts, for secure contexts, and kept apart for the chart’s site', async () => {
    const address = await launch();
    expect(address).toMatch(/^http:\/\/localhost:\d+\/app\/l\/[0-9a-f-]{36}\/$/);
    const cookies = (await context.cookies()).filter(({ name }) => name === 'fovea-development');
    expect(cookies).toEqual([
      expect.objectContaining({
        domain: 'localhost',
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'None',
        partitionKey: 'http://127.0.0.1',
      }),
    ]);
    expect(await page.frames()[1]?.evaluate('document.cookie')).toBe('');
    // In a window of its own the browser has another name: the launch is not that one's.
    const alone = await (await context.newPage()).goto(address);
    expect(alone?.status()).toBe(401);
  });

  it('no page breaks the Content-Security-Policy, the viewer of the image included', async () => {
    const said: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') said.push(message.text());
    });
    await launch();
    const app = page.frameLocator('iframe');
    const frame = page.waitForResponse(/\/frames\/1$/);
    await app.getByRole('button', { name: 'Open the image' }).click();
    await frame;
    await app.getByRole('button', { name: 'Invert' }).click();
    expect(said).toEqual([]);
  });

  it('a page that is not on the tenant’s list cannot show the app, though the browser sends the cookie there too', async () => {
    const address = await launch();
    const answered = page.waitForResponse(address);
    await page.goto(
      `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/?${encodeURIComponent(address)}`,
    );
    expect((await answered).status()).toBe(200);
    await expect.poll(() => page.frames()[1]?.url()).toBe('chrome-error://chromewebdata/');
  });
});
