import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { axeViolations, chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { fullCard, pendingCard, warningCard } from './cds-peer.ts';
import { type SandboxServer, startSandbox } from './sandbox-server.ts';

const chromium = chromiumOrSkip();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe.skipIf(!chromium.available)(`the chart page in Chromium ${chromium.reason}`, () => {
  let sandbox: SandboxServer;
  let browser: Browser;
  let page: Page;
  /** Errors of the page: exceptions, and whatever its content policy stopped. */
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
    sandbox.peer.calls.length = 0;
    sandbox.peer.queue.length = 0;
    sandbox.peer.feedbackStatus = 200;
    sandbox.peer.answer = { status: 200, body: { cards: [fullCard, warningCard] } };
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

  const open = async (patient = 'patient-1') => {
    await page.goto(`${sandbox.base}/#/patients/${patient}`);
    await page
      .getByRole('heading', { level: 1, name: 'Alder, Ana' })
      .or(page.getByRole('heading', { level: 1 }))
      .waitFor();
  };
  const focused = () => page.evaluate<string>('document.activeElement.textContent');
  const support = () => page.getByRole('region', { name: 'Decision support' });
  const feedbackSent = () =>
    sandbox.peer.calls.filter(({ path }) => path.endsWith('/feedback')).map(({ body }) => body['feedback']);

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    it.each([
      ['no patient', async () => void (await page.goto(`${sandbox.base}/`))],
      [
        'cards and the raw calls',
        async () => {
          await open();
          await page.getByText('Request and response').click();
          await page.getByRole('region', { name: 'Response body' }).waitFor();
        },
      ],
      [
        'the override dialog',
        async () => {
          await open();
          await page.getByRole('button', { name: 'Override…' }).click();
        },
      ],
      [
        'no imaging, no cards',
        async () => {
          sandbox.peer.answer = { status: 200, body: { cards: [] } };
          await open('patient-5');
          await page.getByText('No imaging', { exact: true }).waitFor();
        },
      ],
      [
        'a service that is not available',
        async () => {
          sandbox.peer.answer = { status: 503, body: {} };
          await open();
          await page.getByText('not available now').waitFor();
        },
      ],
    ])('axe finds nothing: %s', async (_, arrange) => {
      await page.emulateMedia({ colorScheme });
      await arrange();
      await page.getByRole('link', { name: /Alder, Ana/ }).waitFor();
      expect(await axeViolations(page, axe)).toEqual([]);
    });
  });

  it('shows an opened chart: banner, picture, study facts, and that it is a demonstration', async () => {
    await open();
    await expect.poll(() => page.title()).toBe('Alder, Ana – sandbox EHR');
    const banner = page.getByRole('region', { name: 'Patient', exact: true });
    expect(await banner.innerText()).toMatch(/11 Jan 2023[\s\S]*female[\s\S]*MRN-1000/);
    const picture = page.getByRole('img', {
      name: /^Generated radiograph: Chest radiograph, frontal, 20 Nov 2026/,
    });
    await expect.poll(() => picture.evaluate((image) => Reflect.get(image, 'naturalWidth'))).toBe(64);
    expect(await page.getByRole('banner').innerText()).toContain('Not a medical record');
  });

  it.each([
    ['of nobody', 'nobody'],
    ['that is no percent-encoding', '%E0%A4'],
  ])('an address %s says that this chart cannot be opened', async (_, id) => {
    await page.goto(`${sandbox.base}/#/patients/${id}`);
    await page.getByText('This chart cannot be opened').waitFor();
    await page.getByRole('link', { name: /Alder, Ana/ }).click();
    await page.getByRole('heading', { level: 1, name: 'Alder, Ana' }).waitFor();
    // The browser notes the 404 of the chart by itself.
    expect(faults.splice(0)).toEqual([expect.stringContaining('404')]);
  });

  it('renders a card: indicator in words, summary, Markdown, source, links in a new tab', async () => {
    await open();
    const card = support().getByRole('article').first();
    expect(await card.innerText()).toContain('Information');
    await card.getByRole('heading', { name: fullCard.summary }).waitFor();
    expect(await card.getByRole('row').count()).toBe(3);
    expect(await card.locator('strong').first().innerText()).toBe('Pneumonia: 87 %');
    const link = card.getByRole('link', { name: /31 source attributes/ });
    expect(await link.getAttribute('target')).toBe('_blank');
    expect(await link.getAttribute('rel')).toContain('noopener');
    expect(await support().getByRole('article').nth(1).innerText()).toContain('Warning');
  });

  it('HTML in a detail stays text and no picture of it is fetched', async () => {
    await open();
    const card = support().getByRole('article').first();
    expect(await card.innerText()).toContain('<script>');
    expect(await card.locator('img').count()).toBe(0);
    expect(await page.evaluate(() => Reflect.get(globalThis, 'broken'))).toBeUndefined();
  });

  it('tells the cards to a screen reader in a live region', async () => {
    await open();
    await expect.poll(() => page.getByRole('status').innerText()).toContain(`2 cards. ${fullCard.summary}`);
  });

  it('by keyboard alone: list, override with reason and comment, feedback, focus where it belongs', async () => {
    await page.goto(`${sandbox.base}/`);
    await page.getByRole('link', { name: /Alder, Ana/ }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the chart');
    await page.getByRole('link', { name: /Alder, Ana/ }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate('document.activeElement.tagName')).toBe('H1');

    await page.getByRole('button', { name: 'Override…' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Why do you set this card aside?' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await focused()).toBe('Override…');
    expect(feedbackSent()).toEqual([]);

    await page.keyboard.press('Enter');
    await dialog.waitFor();
    await dialog.getByRole('radio').first().focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Seen yesterday');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('Set aside: Already known and acted on. Feedback sent.').waitFor();
    expect(await focused()).toContain('Feedback sent');
    expect(feedbackSent()).toEqual([
      [
        {
          card: fullCard.uuid,
          outcome: 'overridden',
          overrideReason: { reason: fullCard.overrideReasons[1], userComment: 'Seen yesterday' },
          outcomeTimestamp: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/),
        },
      ],
    ]);
  });

  it('an override needs a reason', async () => {
    await open();
    await page.getByRole('button', { name: 'Override…' }).click();
    await page.getByRole('button', { name: 'Set aside and send' }).click();
    expect(await page.getByRole('dialog').isVisible()).toBe(true);
    expect(feedbackSent()).toEqual([]);
  });

  it('an accepted suggestion and a dismissed card are told to the service', async () => {
    await open();
    await page.getByRole('button', { name: 'Accept: Order a follow-up radiograph' }).click();
    await page.getByText('Accepted: Order a follow-up radiograph. Feedback sent.').waitFor();
    await page.getByRole('button', { name: 'Open the chart again' }).click();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.getByText('Set aside. Feedback sent.').waitFor();
    expect(feedbackSent()).toMatchObject([
      [
        {
          card: warningCard.uuid,
          outcome: 'accepted',
          acceptedSuggestions: [{ id: warningCard.suggestions[0]?.uuid }],
        },
      ],
      [{ card: warningCard.uuid, outcome: 'overridden' }],
    ]);
  });

  it('a pending card is asked for again until the result is there, and has nothing to answer', async () => {
    sandbox.peer.queue.push(
      { status: 200, body: { cards: [pendingCard] } },
      { status: 200, body: { cards: [pendingCard] } },
    );
    await open();
    await page.getByText('asking again each second').waitFor();
    expect(await support().getByRole('button', { name: 'Dismiss' }).count()).toBe(0);
    await support().getByRole('heading', { name: fullCard.summary }).waitFor();
    expect(await page.getByRole('progressbar').count()).toBe(0);
    const hooks = sandbox.peer.calls.filter(({ path }) => path === '/cds-services/imaging-assessment');
    expect(hooks).toHaveLength(3);
    expect(new Set(hooks.map(({ body }) => body['hookInstance'])).size).toBe(3);
  });

  it('a pending card keeps its focus when a later call words it anew; two that say the same are both there', async () => {
    const links = [{ label: 'About the model', url: 'https://peer.example/attributes', type: 'absolute' }];
    const pending = (seconds: number) => ({
      ...pendingCard,
      uuid: crypto.randomUUID(),
      detail: `Being analysed for ${seconds} s.`,
      links,
    });
    for (const seconds of [1, 2, 3, 4])
      sandbox.peer.queue.push({ status: 200, body: { cards: [pending(seconds), pending(seconds)] } });
    await open();
    await support().getByText('Being analysed for 1 s.').first().waitFor();
    expect(await support().getByRole('article').count()).toBe(2);
    const link = support()
      .getByRole('link', { name: /About the model/ })
      .first();
    await link.focus();
    await support().getByText('Being analysed for 3 s.').first().waitFor();
    expect(await page.evaluate('document.activeElement.tagName')).toBe('A');
  });

  it('shows request and response side by side, each call, with the decoded JWT', async () => {
    await open();
    await page.getByText('Request and response').click();
    expect(await page.getByRole('region', { name: 'Request body' }).innerText()).toContain(
      '"hook": "patient-view"',
    );
    expect(await page.getByRole('region', { name: 'Response body' }).innerText()).toContain(fullCard.uuid);
    await page.getByText('Client JWT of the request').click();
    expect(await page.getByRole('region', { name: 'Client JWT, decoded' }).innerText()).toContain('"ES384"');
    await page.getByLabel('Call').selectOption({ index: 2 });
    expect(await page.getByRole('region', { name: 'Response body' }).innerText()).toContain('"services"');
  });

  it('copies the request', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await open();
    await page.getByText('Request and response').click();
    await page.getByRole('button', { name: 'Copy the request' }).click();
    await page.getByText('Copied').waitFor();
    const copied = JSON.parse(await page.evaluate<string>('navigator.clipboard.readText()')) as {
      hook: string;
    };
    expect(copied.hook).toBe('patient-view');
  });

  it('without prefetch and as the patient: the call says so', async () => {
    await open();
    await support().getByRole('article').first().waitFor();
    await page.getByRole('switch', { name: /Send data along/ }).click();
    await expect.poll(() => sandbox.peer.calls.at(-1)?.body['prefetch']).toBeUndefined();
    sandbox.peer.answer = { status: 200, body: { cards: [] } };
    await page.getByLabel('User').selectOption('portal');
    await page.getByText('No card is not a negative').waitFor();
    expect(sandbox.peer.calls.at(-1)?.body['context']).toEqual({
      userId: 'Patient/patient-1',
      patientId: 'patient-1',
    });
  });

  it.each([
    [
      412,
      { resourceType: 'OperationOutcome', issue: [{ details: { text: 'No ImagingStudy.' } }] },
      'No ImagingStudy.',
    ],
    [503, {}, 'not available now'],
    [400, {}, 'refused the call'],
  ])('says what a %i means, and tries again', async (status, body, text) => {
    sandbox.peer.answer = { status, body };
    await open();
    await support().getByText(text).waitFor();
    sandbox.peer.answer = { status: 200, body: { cards: [fullCard] } };
    await support().getByRole('button', { name: 'Try again' }).click();
    await support().getByRole('heading', { name: fullCard.summary }).waitFor();
  });

  it('feedback that does not arrive leaves the card open', async () => {
    await open();
    await support().getByRole('article').first().waitFor();
    sandbox.peer.feedbackStatus = 503;
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.getByText('The feedback could not be sent').waitFor();
    expect(await page.getByRole('button', { name: 'Dismiss' }).isEnabled()).toBe(true);
  });

  it('works in a frame, and at 800 pixels nothing scrolls sideways', async () => {
    await page.setViewportSize({ width: 800, height: 900 });
    await open();
    await support().getByRole('article').first().waitFor();
    const overflow = () =>
      page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    expect(await overflow()).toBe(0);
    await page.goto(
      `${sandbox.peer.base}/frame?of=${encodeURIComponent(`${sandbox.base}/#/patients/patient-1`)}`,
    );
    const frame = page.frameLocator('iframe');
    await frame.getByRole('heading', { name: fullCard.summary }).waitFor();
  });
});
