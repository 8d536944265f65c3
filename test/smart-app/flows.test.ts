import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { type AppServer, type LaunchState, startAppServer } from './support/app-server.ts';
import {
  chartLaunch,
  expectNoViolation,
  openPage,
  picture,
  type Watched,
  worklistLaunch,
} from './support/page.ts';
import { findingAt, report, studies } from './support/records.ts';

const chromium = chromiumOrSkip();

describe.skipIf(!chromium.available)(`working with the app ${chromium.reason}`, () => {
  let server: AppServer;
  let browser: Browser;
  let watched: Watched;
  let page: Page;
  let state: LaunchState;

  beforeAll(async () => {
    server = await startAppServer();
    browser = await launchChromium();
  });
  beforeEach(async () => {
    await watched?.page.context().close();
    server.calls.length = 0;
    state = chartLaunch('chart');
    server.launches.set('chart', state);
    server.launches.set('list', worklistLaunch('list'));
    watched = await openPage(browser, server);
    page = watched.page;
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const finished = {
    ...studies.pending,
    state: 'final' as const,
    pending: null,
    assessment: 'a-new',
    completed: '2026-11-27T21:01:15Z',
    findings: [findingAt(0.9, [0.8, 0.95], 0.18)],
  };
  const pendingCard = () => page.locator('.study-card', { hasText: studies.pending.description });
  const answers = () =>
    server.calls.filter(({ method, path }) => method === 'POST' && path.endsWith('/answers'));
  const radio = (name: string | RegExp) => page.getByRole('radio', { name });
  /** React Aria puts the real control out of sight below its label. */
  const choose = (name: string) => page.locator('label.radio', { hasText: name }).click();
  const send = () => page.getByRole('button', { name: /Send the answer/ }).click();

  it('a pending study moves to its result by itself, and a screen reader is told', async () => {
    await watched.open('chart');
    expect(await pendingCard().innerText()).toMatch(/in progress/);
    await expect.poll(() => server.calls.some(({ path }) => path === 'chart/events')).toBe(true);
    await page.waitForTimeout(200);
    server.send('chart', finished);
    await expect.poll(() => pendingCard().innerText()).toMatch(/\d+%/);
    expect(await page.locator('[aria-live]').allInnerTexts()).toContain('Study of 27 Nov 2026: result.');
  });

  it('where no events come, the chart is asked again until the result is there', async () => {
    state.refuse = { below: 'chart/events', code: 'SERVICE_STOPPING' };
    await watched.open('chart');
    expect(await pendingCard().innerText()).toMatch(/in progress/);
    state.chart = { ...state.chart!, studies: [finished, ...state.chart!.studies.slice(1)] };
    await expect.poll(() => pendingCard().innerText(), { timeout: 15_000 }).toMatch(/\d+%/);
  });

  it('another share before the image: by keyboard, in place, and the result of this site stays', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    const slider = page.getByRole('slider', { name: /Share with pneumonia/ });
    await slider.focus();
    await page.keyboard.press('PageDown');
    await page.keyboard.press('ArrowLeft');
    const section = page.locator('.what-if');
    await expect.poll(() => section.innerText()).toMatch(/What if: 7%/);
    await expect.poll(() => section.innerText()).toMatch(/Where 7% have pneumonia/);
    expect(await page.locator('.result-number strong').innerText()).toBe('82%');
    const before = await section.locator('tbody').last().innerText();

    const field = page.getByRole('textbox', { name: /in percent/ });
    await field.fill('0.5');
    await page.keyboard.press('Enter');
    await expect.poll(() => section.innerText()).toMatch(/Where 0.5% have pneumonia/);
    expect(await section.locator('tbody').last().innerText()).not.toBe(before);
    expect(await section.innerText()).toMatch(/5 of 1,000/);
    await expectNoViolation(page, 'what-if');
    await page.getByRole('button', { name: 'Back to this site’s share' }).click();
    await expect.poll(() => section.innerText()).toMatch(/Where 18% have pneumonia/);
    expect(watched.problems).toEqual([]);
  });

  it('disagreeing needs a coded reason; by keyboard alone; the history keeps what was said before', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await radio('I agree').focus();
    await page.keyboard.press('ArrowDown');
    expect(await radio('I disagree').isChecked()).toBe(true);
    const submit = page.getByRole('button', { name: 'Send the answer' });
    await submit.focus();
    await page.keyboard.press('Enter');
    await page.getByText('Choose a reason.').waitFor();
    expect(answers()).toEqual([]);
    await expectNoViolation(page, 'answer-reason-missing');
    // The focus is on the first reason.
    await page.keyboard.press('Space');
    expect(await radio('I do not see the finding in the image').isChecked()).toBe(true);
    await page.getByRole('textbox', { name: 'Comment (optional)' }).focus();
    await page.keyboard.type('Rotated film.');
    await submit.focus();
    await page.keyboard.press('Enter');
    await page.getByText('The answer is saved.').waitFor();
    expect(answers()[0]?.body).toMatchObject({
      kind: 'disagree',
      finding: 'pneumonia',
      reason: 'absent',
      outcome: null,
      comment: 'Rotated film.',
    });
    const said = page.getByRole('region', { name: 'What was said' });
    expect(await said.innerText()).toMatch(/Disagreed: I do not see the finding[\s\S]*Rotated film\./);

    state.evidence = {
      ...state.evidence,
      'a-elevated': {
        ...state.evidence!['a-elevated']!,
        answers: [{ ...studies.low.answer, id: 'first', by: state.context.user }],
      },
    };
    await watched.open('chart', '#/assessments/a-elevated');
    await choose('The final diagnosis is known');
    await choose('absent');
    await send();
    await page.getByText('The answer is saved.').waitFor();
    expect(answers()[1]?.body).toMatchObject({ kind: 'final-diagnosis', outcome: 'absent', reason: null });
    expect(await said.innerText()).toMatch(/Final diagnosis: absent[\s\S]*Agreed[\s\S]*changed later/i);
    await expectNoViolation(page, 'answered');
  });

  it('an answer that was not taken is kept, and sent again under the same key', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await choose('I agree');
    state.refuse = { below: 'assessments/a-elevated/answers', code: 'INTERNAL' };
    await send();
    await page.getByText('The answer was not saved').waitFor();
    expect(await page.getByText('The answer is saved.').count()).toBe(0);
    await expectNoViolation(page, 'answer-failed');
    delete state.refuse;
    await send();
    await page.getByText('The answer is saved.').waitFor();
    const keys = answers().map(({ body }) => (body as { key: string }).key);
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(keys[0]);
  });

  it('what is too much for the server for a moment is asked again', async () => {
    state.refuse = { below: 'chart', code: 'OVERLOADED', times: 1 };
    await watched.open('chart');
    await page.getByRole('heading', { name: 'Studies', exact: true }).waitFor();
    expect(server.calls.filter(({ path }) => path === 'chart').length).toBeGreaterThanOrEqual(2);
  });

  it('a session that ends in the middle of a sentence loses nothing, and shows nothing of the patient', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await choose('I disagree');
    await page.getByRole('textbox', { name: /Comment/ }).fill('Half a sentence');
    state.refuse = { below: '', code: 'SMART_SESSION_ENDED' };
    await choose('I do not see the finding in the image');
    await send();
    await page.getByRole('heading', { name: 'The session has ended' }).waitFor();
    const text = await page.locator('body').innerText();
    expect(text).toMatch(/One answer that you began is kept/);
    expect(text).not.toMatch(/Lucía|XR CHEST|82%|Half a sentence/);
    await expectNoViolation(page, 'session-ended-draft');

    // Another user in the same window sees nothing of it.
    const other = chartLaunch('other');
    other.context = { ...other.context, user: { name: 'Someone Else', reference: 'Practitioner/8' } };
    server.launches.set('other', other);
    await watched.open('other', '#/assessments/a-elevated');
    expect(await page.getByText('is here again').count()).toBe(0);

    server.launches.set('again', chartLaunch('again'));
    await watched.open('again', '#/assessments/a-elevated');
    await page.getByText('What you typed before the session ended is here again').waitFor();
    expect(await page.getByRole('textbox', { name: /Comment/ }).inputValue()).toBe('Half a sentence');
    expect(await radio('I do not see the finding in the image').isChecked()).toBe(true);
    await expectNoViolation(page, 'draft-restored');
  });

  it('signing out ends the launch and leaves nothing typed in the window', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await choose('I agree');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Signed out' }).waitFor();
    expect(server.calls.some(({ method, path }) => method === 'DELETE' && path === '')).toBe(true);
    expect(await page.evaluate('Object.keys(sessionStorage)')).toEqual([]);
    await expectNoViolation(page, 'signed-out');
  });

  it('a sign-out that did not reach the service is not called one, hides the patient, and can be tried again', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await page.locator('.result-number').waitFor();
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Not signed out yet' }).waitFor();
    expect(await page.locator('.result-number').count()).toBe(0);
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Signed out' }).waitFor();
    expect(server.calls.some(({ method, path }) => method === 'DELETE' && path === '')).toBe(true);
  });

  it('without a connection the page says so, keeps what is there, and goes on when it is back', async () => {
    await watched.open('chart');
    await page.context().setOffline(true);
    await page.getByText('No connection.').waitFor();
    await page
      .getByRole('link', { name: /See the evidence/ })
      .first()
      .click();
    await page.getByText('There is no connection to the server.').waitFor();
    await expectNoViolation(page, 'offline');
    await page.context().setOffline(false);
    await page.locator('.result-number').waitFor();
    expect(await page.getByText('No connection.').count()).toBe(0);
  });

  it('the worklist: filters, acknowledging once, and the chart of a patient', async () => {
    await watched.open('list');
    const rows = page.locator('.entry');
    expect(await rows.count()).toBe(4);
    await page.getByRole('searchbox').fill('nunez');
    expect(await rows.allInnerTexts()).toEqual([expect.stringContaining('Tomás Núñez Vega')]);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: 'Unanswered only' }).click();
    await expect.poll(() => rows.count()).toBe(3);
    await page.getByRole('button', { name: /Band/ }).click();
    await page.getByRole('option', { name: 'elevated', exact: true }).click();
    await expect.poll(() => rows.count()).toBe(1);
    await expectNoViolation(page, 'worklist-filtered');
    await page.getByRole('button', { name: 'Acknowledge the study of Tomás Núñez Vega' }).click();
    await page.getByText('No study matches the filters').waitFor();
    expect(answers()).toHaveLength(1);
    expect(answers()[0]?.body).toMatchObject({ kind: 'acknowledge', finding: null });
    await expectNoViolation(page, 'worklist-none');
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    expect(await rows.first().innerText()).toMatch(/Acknowledged · Dr\. Mara Lindqvist/);
    await page.getByRole('button', { name: 'Open the chart of Tomás Núñez Vega' }).click();
    await page.waitForURL('**/app/l/chart/');
    expect(server.calls.find(({ path }) => path === 'open')?.body).toEqual({ patientKey: 'patient-0' });
  });

  it('the worklist by keyboard alone: a filter, acknowledging, the chart', async () => {
    await watched.open('list');
    await page.getByRole('button', { name: /Band/ }).focus();
    for (const key of ['Enter', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
    await expect.poll(() => page.locator('.entry').count()).toBe(1);
    await page.getByRole('button', { name: /^Acknowledge/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByText(/Acknowledged/).waitFor();
    // The focus went on to what is left to do.
    expect(await page.evaluate('document.activeElement.textContent')).toMatch(/^Open/);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/app/l/chart/');
  });

  it('the end of a session is told before it comes, and can be put off', async () => {
    state.context = { ...state.context, expiresAt: new Date(Date.now() + 60_000).toISOString() };
    await watched.open('chart');
    await page.getByText('Your session ends at').waitFor();
    await expectNoViolation(page, 'session-ends');
    state.context = { ...state.context, expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    await page.getByRole('button', { name: 'Stay signed in' }).click();
    await expect.poll(() => page.getByText('Your session ends at').count()).toBe(0);
  });

  it('in Spanish: every text, the numbers, the language of the page; the choice stays in the window', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await page.getByRole('button', { name: /Language/ }).click();
    await page.getByRole('option', { name: 'Español' }).click();
    await page.getByRole('heading', { name: 'Su respuesta' }).waitFor();
    const text = await page.locator('body').innerText();
    expect(text).toMatch(/82\s%/);
    expect(text).toMatch(/La ausencia de resultado no es un resultado negativo/);
    expect(text).toMatch(/18 de 100 \(niños\) tienen neumonía/);
    expect(text).toMatch(/zona inferior derecha/);
    await choose('En desacuerdo');
    const place = radio('El hallazgo está en otro lugar que el que muestra el mapa');
    await place.waitFor({ state: 'attached' });
    expect(await page.locator('html').getAttribute('lang')).toBe('es');
    await expectNoViolation(page, 'spanish');
    await watched.open('chart');
    await page.getByRole('heading', { name: 'Cronología' }).waitFor();
    await expectNoViolation(page, 'spanish-timeline');
  });

  it('on paper the evidence is whole: what is folded is open, and no control is left', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await page.emulateMedia({ media: 'print' });
    await page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await page.locator('.sources > div:visible').count()).toBe(31);
    expect(await page.locator('button:visible').count()).toBe(0);
    expect(await page.locator('.result-number').isVisible()).toBe(true);
    await picture(page, 'print');
    await page.evaluate("dispatchEvent(new Event('afterprint'))");
    expect(await page.locator('.sources > div:visible').count()).toBe(0);
  });

  it('a radiologist’s report stands before the number, and where reports could not be read nobody says there is none', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    const text = await page.locator('main').innerText();
    expect(text.indexOf(report.conclusion!.slice(0, 20))).toBeGreaterThan(0);
    expect(text.indexOf('Radiologist’s report')).toBeLessThan(text.indexOf('82%'));
    state.chart = { ...state.chart!, reportsRead: false };
    await watched.open('chart', '#/assessments/a-low');
    await page.getByText('Reports could not be read').waitFor();
    expect(await page.getByText('has no final report').count()).toBe(0);
  });

  it('the launch opens at the assessment that the EHR names', async () => {
    state.context = { ...state.context, focus: { assessment: 'a-elevated', study: null } };
    await watched.open('chart');
    await page.locator('.result-number').waitFor();
    expect(page.url()).toMatch(/#\/assessments\/a-elevated$/);
  });

  it('the EHR’s colours are taken where they can be read, and only there', async () => {
    const style = {
      backgroundColor: '#fdf6e3',
      textColor: '#202020',
      errorColor: null,
      highlightColor: '#6a1b9a',
      modalBackdropColor: null,
      successColor: null,
      borderRadiusPixels: 0,
      bodyFontFamily: null,
      headingFontFamily: null,
    };
    state.context = { ...state.context, style };
    await watched.open('chart');
    await expectNoViolation(page, 'ehr-style');
    expect(await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')).toBe(
      'rgb(253, 246, 227)',
    );
    state.context = {
      ...state.context,
      style: { ...style, backgroundColor: '#1e1e2e', textColor: '#3a3a3a' },
    };
    await watched.open('chart');
    await expectNoViolation(page, 'ehr-style-unreadable');
    expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe('dark');
  });

  it('nothing of the viewer is loaded before the image is opened; closing gives the focus back', async () => {
    const loaded: string[] = [];
    page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
    await watched.open('chart', '#/assessments/a-elevated');
    expect(loaded.filter((one) => /viewer/.test(one))).toEqual([]);
    const open = page.getByRole('button', { name: 'Open the image' });
    await open.click();
    await expect.poll(() => loaded.some((one) => /assets\/viewer-.*\.js$/.test(one))).toBe(true);
    const close = page.getByRole('button', { name: 'Close the image' });
    await close.waitFor({ timeout: 20_000 });
    await close.click();
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Open the image');
    expect(watched.problems).toEqual([]);
  });

  it('by keyboard alone: the content is one key away, and whatever has the focus shows it', async () => {
    await watched.open('chart', '#/assessments/a-elevated');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    expect(page.url()).toMatch(/a-elevated$/);
    const seen: string[] = [];
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press('Tab');
      // After the last one the focus leaves the page.
      if (await page.evaluate('document.activeElement === document.body')) break;
      const [name, ring] = (await page.evaluate(`(() => {
        const one = document.activeElement;
        const drawn = [one, one.closest('label'), one.closest('.slider-thumb')].some(
          (each) => each !== null && parseFloat(getComputedStyle(each).outlineWidth) >= 2 &&
            getComputedStyle(each).outlineStyle !== 'none');
        return [(one.getAttribute('aria-label') ?? one.value ?? '') + one.textContent, drawn];
      })()`)) as [string, boolean];
      expect(ring, `the focus on “${name.slice(0, 60)}” is seen`).toBe(true);
      seen.push(name);
    }
    const all = seen.join('|');
    for (const part of ['Timeline', 'Print', 'Open the image', 'Show all 31 attributes', 'Send the answer'])
      expect(all).toContain(part);
  });
});
