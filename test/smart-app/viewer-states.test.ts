import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { imageModule, writeDicom } from '../support/dicom-writer.ts';
import { ctSlice, grey, sandboxFile, scenario } from './viewer-cases.ts';
import { startViewerServer, type ViewerServer } from './viewer-server.ts';

const chromium = chromiumOrSkip();

declare const viewerTest: { greys(points: readonly (readonly [number, number])[]): number[][] };

const palette = writeDicom([
  ...imageModule({ rows: 4, columns: 4, bitsAllocated: 8, bitsStored: 8, photometric: 'PALETTE COLOR' }),
  [0x7fe00010, 'OB', new Uint8Array(16)],
]);

describe.skipIf(!chromium.available)(
  `what the viewer says when there is no picture ${chromium.reason}`,
  () => {
    let server: ViewerServer;
    let browser: Browser;
    let page: Page;
    const thrown: string[] = [];

    beforeAll(async () => {
      server = await startViewerServer();
      browser = await launchChromium();
      page = await browser.newPage({ viewport: { width: 900, height: 900 } });
      page.on('pageerror', (error) => thrown.push(String(error)));
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
    });

    const open = async (name: string, on: Page = page) => {
      if (!server.scenarios.has(name)) server.scenarios.set(name, scenario(name));
      await on.goto(`${server.base}/app/l/launch/?scenario=${name}`);
    };
    const alert = (on: Page = page) => on.getByRole('alert');
    const retry = (on: Page = page) => on.getByRole('button', { name: 'Try again' });
    const good = sandboxFile('elevated');

    it('a study without pictures says so, and names the series that are left out and why', async () => {
      server.studies.set('empty', {
        series: [],
        left: [
          { modality: 'SR', why: 'It holds no pixels.' },
          { modality: null, why: 'It is too large.' },
        ],
      });
      await open('empty');
      await page.getByText('has no image that can be shown').waitFor();
      expect(await page.locator('.viewer-message').innerText()).toMatch(
        /2 series are not shown:\s+SR: It holds no pixels\.\s+unknown modality: It is too large\./,
      );
    });

    it('a refusal is told in the words and with the code of the service, and can be tried again', async () => {
      const text = 'The images belong to another patient.';
      server.studies.set('mismatch', {
        series: [],
        fails: { at: 'list', status: 404, code: 'PATIENT_MISMATCH', text },
      });
      await open('mismatch');
      await alert().waitFor();
      expect(await alert().innerText()).toMatch(
        /The list of images did not come[\s\S]*another patient[\s\S]*PATIENT_MISMATCH/,
      );
      server.studies.set('mismatch', { series: [{ modality: 'CR', files: [good] }] });
      await retry().click();
      await page.locator('.viewer-readout').waitFor();
    });

    it('an archive that hangs is given up after 30 seconds (here 0.7), and asked anew when it is tried again', async () => {
      const other = await browser.newPage();
      await other.addInitScript(() => {
        const real = globalThis.setTimeout;
        const short = (run: () => void, ms?: number) => real(run, ms === 30_000 ? 700 : ms);
        globalThis.setTimeout = short as typeof setTimeout;
      });
      server.studies.set('hangs', { series: [{ modality: 'CR', files: [good] }], hangs: true });
      await open('hangs', other);
      await expect
        .poll(() => server.asked.some((one) => one.startsWith('hangs/')), { timeout: 20_000 })
        .toBe(true);
      await expect.poll(() => alert(other).innerText()).toMatch(/did not answer within 30 seconds/);
      (server.studies.get('hangs') as { hangs: boolean }).hangs = false;
      await retry(other).click();
      await other.locator('.viewer-readout').waitFor();
      await other.close();
    });

    it('one damaged image of a stack says so in its place; its neighbours are shown', async () => {
      server.studies.set('damaged', {
        series: [{ modality: 'CT', files: Array.from({ length: 5 }, (_, index) => ctSlice(index, 5)) }],
        damaged: [2],
      });
      await open('damaged');
      await page.locator('.viewer-readout').waitFor();
      await page.locator('.viewer-stage').focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await expect.poll(() => alert().innerText()).toMatch(/cannot be shown[\s\S]*damaged or was cut off/);
      await page.keyboard.press('ArrowDown');
      await expect.poll(() => page.locator('.viewer-readout').innerText()).toMatch(/4 \/ 5/);
      expect(await alert().count()).toBe(0);
    });

    it('a palette image, and a frame that the server does not give, are told as what they are', async () => {
      server.studies.set('palette', { series: [{ modality: 'US', files: [palette] }] });
      await open('palette');
      await expect.poll(() => alert().innerText()).toMatch(/palette colour/);
      const text = 'The imaging archive answered with 500.';
      server.studies.set('no-frame', {
        series: [{ modality: 'CR', files: [good] }],
        fails: { at: 'frame', status: 502, code: 'DICOMWEB_FAILED', text },
      });
      await open('no-frame');
      await expect
        .poll(() => alert().innerText())
        .toMatch(/cannot be shown[\s\S]*answered with 500[\s\S]*DICOMWEB_FAILED/);
    });

    it('a multi-frame image is a stack of its frames', async () => {
      const frames = writeDicom([
        ...imageModule({ rows: 8, columns: 8, frames: 6, bitsAllocated: 8, bitsStored: 8 }),
        [0x7fe00010, 'OB', Uint8Array.from({ length: 384 }, (_, at) => (Math.floor(at / 64) + 1) * 30)],
      ]);
      server.studies.set('frames', { series: [{ modality: 'US', files: [frames] }] });
      await open('frames');
      await expect.poll(() => page.locator('.viewer-readout').innerText()).toMatch(/1 \/ 6/);
      await page.locator('.viewer-stage').focus();
      await page.keyboard.press('End');
      await expect.poll(() => page.locator('.viewer-readout').innerText()).toMatch(/6 \/ 6/);
      expect(server.asked).toContain('frames/s0/i0/6');
    });

    it('a pixel that is said to be of no or of enormous size is drawn all the same, and not measured', async () => {
      for (const spacing of ['0\\0', '12345\\12000', '1e-30\\1e30', '0.001\\0.02', '50\\50']) {
        const name = `spacing-${spacing.replace(/\W/g, '-')}`;
        const bytes = grey(
          new Uint16Array(48 * 40).fill(3000),
          { rows: 48, columns: 40, bitsStored: 12 },
          {
            after: [
              [0x00280030, 'DS', spacing],
              [0x00281050, 'DS', '2000'],
              [0x00281051, 'DS', '4000'],
            ],
          },
        );
        server.studies.set(name, { series: [{ modality: 'CR', files: [bytes] }] });
        server.scenarios.set(name, scenario(name, { evidence: false }));
        await open(name);
        await page.locator('.viewer-readout').waitFor();
        await expect
          .poll(() => page.evaluate(() => viewerTest.greys([[20, 24]])), { message: spacing })
          .toEqual([[191, 191, 191]]);
        await page.locator('.viewer-stage').focus();
        await page.keyboard.press('l');
        await page.keyboard.press('Enter');
        const measured = spacing === '50\\50' || spacing === '0.001\\0.02' ? 1 : 0;
        await expect
          .poll(() => page.locator('.viewer-lengths text').count(), { message: spacing })
          .toBe(measured);
      }
    });

    it('hostile text of records is shown as text, on one line and not endless', async () => {
      const hostile = `<img src=x onerror="document.title='run'">\u202Eabc${'x'.repeat(10_000)}`;
      server.studies.set('hostile', {
        series: [
          { modality: hostile, description: hostile, files: [good] },
          { modality: 'CR', description: hostile, files: [good] },
        ],
        left: [{ modality: hostile, why: hostile }],
      });
      server.scenarios.set('hostile', scenario('hostile', { description: hostile }));
      await open('hostile');
      await page.locator('.viewer-readout').waitFor();
      const shown = await page.locator('.viewer').innerText();
      expect(shown).toContain('<img src=x');
      expect(shown).not.toContain('\u202E');
      expect(shown.length).toBeLessThan(3_000);
      expect(await page.title()).toBe('Viewer');
      expect(await page.locator('.viewer img').count()).toBe(0);
    });

    it('it speaks Spanish, closes, and opens again', async () => {
      server.studies.set('es', { series: [{ modality: 'CR', files: [good] }] });
      server.scenarios.set('es', scenario('es', { locale: 'es' }));
      await open('es');
      await page.locator('.viewer-readout').waitFor();
      expect(await page.getByRole('toolbar').innerText()).toMatch(/Ventana[\s\S]*Invertir[\s\S]*Mapa/);
      for (let time = 0; time < 3; time += 1) {
        await page.getByRole('button', { name: 'Cerrar la imagen' }).click();
        await page.getByRole('button', { name: 'Open the image' }).click();
        await page.locator('.viewer-readout').waitFor();
      }
    });

    it('nothing was thrown by any of this', () => {
      expect(thrown).toEqual([]);
    });
  },
);
