import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DecodedFrames, decodeFrames } from '#dicom/decode';
import { greyTransform } from '#dicom/grey';
import { parseDicom } from '#dicom/parse';
import { chromiumOrSkip, launchChromium } from '../support/chromium.ts';
import { ctSlice, everyForm, grey, sandboxFile, scenario } from './viewer-cases.ts';
import { startViewerServer, type ViewerServer } from './viewer-server.ts';

const chromium = chromiumOrSkip();

interface Loaded {
  readonly values: readonly number[];
  readonly color: boolean;
  readonly range: readonly [number, number];
  readonly fault?: string;
}

declare const viewerTest: {
  load(study: string, instance: string): Promise<Loaded>;
  greys(points: readonly (readonly [number, number])[], pane?: number): [number, number, number][];
};

/** The rule of PS3.5 §8.1.1: only the stored bits count, the sign stands at the highest of them. */
function storedValues({ data, bitsAllocated, bitsStored, highBit, signed }: DecodedFrames): number[] {
  if (bitsAllocated === 1 || bitsAllocated > 16) return Array.from(data);
  const low = highBit + 1 - bitsStored;
  return Array.from(data, (cell) => {
    const value = (cell >> low) & (2 ** bitsStored - 1);
    return signed && value >= 2 ** (bitsStored - 1) ? value - 2 ** bitsStored : value;
  });
}

/** @see DICOM PS3.3 C.7.6.3.1.2 */
function rgbOf({ data, photometric }: DecodedFrames): number[] {
  if (photometric === 'RGB') return Array.from(data);
  const byte = (value: number) => Math.min(255, Math.max(0, Math.round(value)));
  return Array.from({ length: data.length / 3 }, (_, pixel) => {
    const [y, cb, cr] = [0, 1, 2].map((sample) => data[pixel * 3 + sample] as number) as [
      number,
      number,
      number,
    ];
    return [
      byte(y + 1.402 * (cr - 128)),
      byte(y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)),
      byte(y + 1.772 * (cb - 128)),
    ];
  }).flat();
}

describe.skipIf(!chromium.available)(`the pixels that the viewer draws ${chromium.reason}`, () => {
  let server: ViewerServer;
  let browser: Browser;
  let page: Page;
  const troubles: string[] = [];

  beforeAll(async () => {
    server = await startViewerServer();
    server.studies.set('plain', { series: [{ modality: 'CR', files: [sandboxFile('elevated')] }] });
    server.scenarios.set('plain', scenario('plain'));
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 900, height: 900 } });
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) troubles.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const open = async (name: string) => {
    await page.goto(`${server.base}/app/l/launch/?scenario=${name}`);
    await page.locator('.viewer-readout').first().waitFor();
  };

  it('are the stored values, for every transfer syntax and form that the service reads', async () => {
    await open('plain');
    const forms = await everyForm();
    server.studies.set('forms', { series: [{ modality: 'OT', files: [...forms.values()] }] });
    let index = 0;
    const wrong: string[] = [];
    for (const [name, bytes] of forms) {
      const loaded = await page.evaluate(([at]) => viewerTest.load('forms', `i${at}`), [index] as const);
      index += 1;
      const decoded = decodeFrames(parseDicom(bytes));
      const expected = loaded.color ? rgbOf(decoded) : storedValues(decoded);
      const off =
        loaded.values?.length === expected.length
          ? Math.max(...expected.map((value, at) => Math.abs(value - (loaded.values[at] as number))))
          : `${loaded.fault ?? loaded.values?.length} for ${expected.length}`;
      // Inverse transforms of a lossy stream may differ by one: here two decoders meet.
      const allowed = name === 'JPEG extended, 12 bits' ? 1 : 0;
      if (typeof off === 'string' || off > allowed) wrong.push(`${name}: ${off}`);
    }
    expect(wrong).toEqual([]);
    expect(forms.size).toBeGreaterThan(30);
  });
  /** Greys that the canvas shows at some pixels, and those that the service's own transform makes of the same file. */
  const shown = async (name: string, bytes: Uint8Array) => {
    server.studies.set(name, { series: [{ modality: 'CT', files: [bytes] }] });
    server.scenarios.set(name, scenario(name, { evidence: false }));
    await open(name);
    await page.waitForTimeout(300);
    const file = parseDicom(bytes);
    const decoded = decodeFrames(file);
    const transform = greyTransform(file, decoded);
    const points = [0.13, 0.31, 0.5, 0.62, 0.88].flatMap((across) =>
      [0.12, 0.4, 0.5, 0.77].map(
        (down) => [Math.floor(across * decoded.columns), Math.floor(down * decoded.rows)] as const,
      ),
    );
    const drawn = await page.evaluate((places) => viewerTest.greys(places), points);
    const meant = points.map(([column, row]) =>
      transform.apply(decoded.data[row * decoded.columns + column] as number),
    );
    return { drawn, meant };
  };
  const farthest = ({ drawn, meant }: Awaited<ReturnType<typeof shown>>): number =>
    Math.max(...drawn.flatMap((rgb, at) => rgb.map((one) => Math.abs(one - (meant[at] as number)))));

  /** Steps of nine pixels, so that no neighbour mixes into the middle of one. */
  const steps = (low: number, high: number) =>
    Int16Array.from({ length: 90 * 90 }, (_, at) => {
      const step = (Math.floor((at % 90) / 9) + Math.floor(at / 90 / 9) * 3) % 10;
      return Math.round(low + ((high - low) * step) / 9);
    });
  const size = { rows: 90, columns: 90 };
  const window = (center: number, width: number) =>
    [
      [0x00281050, 'DS', String(center)],
      [0x00281051, 'DS', String(width)],
    ] as const;

  it('on the canvas have the greys of the service: window, rescale, sign, MONOCHROME1, padding, no window', async () => {
    const grid = {
      window: grey(steps(0, 4000), { ...size, bitsStored: 12 }, { after: window(2000, 1000) }),
      'no window': grey(steps(300, 3000), { ...size, bitsStored: 12 }),
      monochrome1: grey(
        steps(0, 4000),
        { ...size, bitsStored: 12, photometric: 'MONOCHROME1' },
        { after: window(1800, 3000) },
      ),
      'signed with rescale': grey(
        steps(-500, 900),
        { ...size, signed: true },
        { after: [...window(-100, 900), [0x00281052, 'DS', '-100'], [0x00281053, 'DS', '0.5']] },
      ),
      'negative slope': grey(
        steps(0, 4000),
        { ...size, bitsStored: 12 },
        { after: [...window(-2000, 3000), [0x00281052, 'DS', '0'], [0x00281053, 'DS', '-1']] },
      ),
      'window of one value': grey(steps(0, 4000), { ...size, bitsStored: 12 }, { after: window(2000, 1) }),
      'CT with padding': ctSlice(30, 60, 90),
      'padding of MONOCHROME1': grey(
        steps(0, 4000).map((value) => (value === 0 ? 3 : value)),
        { ...size, photometric: 'MONOCHROME1' },
        { after: [[0x00280120, 'US', 3], ...window(2000, 4000)] },
      ),
    };
    const wrong: string[] = [];
    for (const [name, bytes] of Object.entries(grid)) {
      const off = farthest(await shown(name.replaceAll(' ', '-'), bytes));
      if (off > 2) wrong.push(`${name}: ${off}`);
    }
    expect(wrong).toEqual([]);
  });

  it('are the same without WebGL, and the page says why it is slower', async () => {
    const other = await browser.newPage({ viewport: { width: 900, height: 900 } });
    await other.addInitScript(() => {
      const canvas = Reflect.get(globalThis, 'HTMLCanvasElement') as {
        prototype: { getContext(kind: string): unknown };
      };
      const { getContext } = canvas.prototype;
      canvas.prototype.getContext = function (this: unknown, kind: string, ...rest: unknown[]) {
        return kind.includes('webgl') ? null : Reflect.apply(getContext, this, [kind, ...rest]);
      };
    });
    const first = page;
    page = other;
    const results = [
      await shown(
        'cpu-window',
        grey(steps(0, 4000), { ...size, bitsStored: 12 }, { after: window(2000, 1000) }),
      ),
      await shown(
        'cpu-monochrome1',
        grey(steps(0, 4000), { ...size, photometric: 'MONOCHROME1' }, { after: window(2000, 3000) }),
      ),
      await shown('cpu-ct', ctSlice(30, 60, 90)),
    ];
    expect(await other.getByText('no WebGL').count()).toBe(1);
    await other.locator('.viewer-stage').focus();
    for (const key of ['+', 'Shift+ArrowLeft', 'r', 'x', 'i', '[', 'f', '0']) await other.keyboard.press(key);
    page = first;
    await other.close();
    expect(results.map(farthest).map(Math.ceil)).toEqual([
      expect.toSatisfy((off: number) => off <= 3),
      expect.toSatisfy((off: number) => off <= 3),
      expect.toSatisfy((off: number) => off <= 3),
    ]);
  });

  it('need no more than the policy allows: no blob, no inline style, no eval; and nothing was thrown', () => {
    expect(troubles).toEqual([]);
  });
});
