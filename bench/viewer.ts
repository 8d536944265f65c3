import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import type { Group } from './context.ts';
import { atMost, measuredRow, skippedRow } from './row.ts';
import { findChromium, launchChromium } from './support/browser.ts';
import { inTurn, median } from './support/numbers.ts';
import { startViewerSite } from './support/viewer-site.ts';

const firstImage = atMost('viewer.first-image', 2.5, 's');
const map = atMost('viewer.map', 100, 'ms');
const windowDrag = atMost('viewer.window-drag', 1.2, '×');
const goals = [firstImage, map, windowDrag];

/** The viewer of the SMART app in a Chromium that renders in software. */
export const viewer: Group = {
  name: 'viewer',
  about:
    'a radiograph of 2048 × 2560 in Chromium, rendered in software: from the address to the drawn image, the map on or off, and a drag of the window beside Cornerstone alone',
  goals,
  async run(context) {
    const executablePath = findChromium();
    if (executablePath === null) return goals.map((goal) => skippedRow(goal, 'chromium is not installed'));
    context.say('viewer: building its page');
    const folder = path.join(context.folder, 'viewer');
    await build({
      configFile: path.resolve('smart-app', 'vite.config.ts'),
      root: path.resolve('test', 'smart-app', 'viewer-page'),
      logLevel: 'error',
      experimental: { renderBuiltUrl: () => ({ relative: true }) },
      build: { outDir: folder, emptyOutDir: true },
    });
    const site = await startViewerSite(folder);
    const browser = await launchChromium(executablePath);
    try {
      const opened: number[] = [];
      const toggled: number[] = [];
      const dragged: Record<'viewer' | 'bare', number[]> = { viewer: [], bare: [] };
      const rounds = context.count(7);
      for (let round = 0; round < rounds; round += 1) {
        context.say(`viewer: ${round + 1} of ${rounds}`);
        for (const way of inTurn(['viewer', 'bare'] as const, round)) {
          const { page, seconds } = await open(browser, `${site.page}${way === 'bare' ? '?bare' : ''}`);
          if (way === 'viewer') {
            opened.push(seconds);
            for (let press = 0; press < 6; press += 1) toggled.push(await toggleMap(page));
          }
          dragged[way].push(await framesOfDrag(page));
          await page.close();
        }
      }
      const each = dragged.viewer.map((frames, round) => (dragged.bare[round] ?? Number.NaN) / frames);
      return [
        measuredRow(firstImage, { value: median(opened), n: rounds, each: opened }),
        measuredRow(map, { value: median(toggled), n: toggled.length, each: toggled }),
        measuredRow(windowDrag, {
          value: median(each),
          n: rounds,
          each,
          parts: { framesPerSecond: median(dragged.viewer), bareFramesPerSecond: median(dragged.bare) },
        }),
      ];
    } finally {
      await browser.close();
      await site.stop();
    }
  },
};

/** A page in a browser that remembers nothing, and the seconds until its image was drawn. */
async function open(
  browser: Browser,
  address: string,
): Promise<{ readonly page: Page; readonly seconds: number }> {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  const started = performance.now();
  await page.goto(address);
  await page.waitForFunction(() => {
    const seen = Reflect.get(globalThis, 'viewerTest') as { drawn(): boolean } | undefined;
    return seen?.drawn() === true;
  });
  const seconds = (performance.now() - started) / 1000;
  await page.waitForTimeout(300);
  return { page, seconds };
}

/** Milliseconds from the key to the frame that shows the map, or shows it no more. */
async function toggleMap(page: Page): Promise<number> {
  await page.locator('.viewer-stage').focus();
  return page.evaluate(() => {
    const { toggleMap } = Reflect.get(globalThis, 'viewerTest') as { toggleMap(): Promise<number> };
    return toggleMap();
  });
}

/** Frames a second while the mouse drags the window. */
async function framesOfDrag(page: Page): Promise<number> {
  const box = await page.locator('.viewer-canvas').boundingBox();
  if (box === null) throw new Error('The viewer has no canvas.');
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.evaluate(() => Reflect.get(globalThis, 'viewerTest').startCounting());
  for (let step = 1; step <= 60; step += 1) await page.mouse.move(x + step * 2, y + (step % 7));
  await page.mouse.up();
  return page.evaluate(() => Reflect.get(globalThis, 'viewerTest').framesPerSecond() as number);
}
