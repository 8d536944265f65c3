import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Context, Group } from './context.ts';
import { atMost, measuredRow, type Row, skippedRow } from './row.ts';
import { findChromium, launchChromium } from './support/browser.ts';
import { median } from './support/numbers.ts';
import { openSandboxEhr } from './support/sandbox-ehr.ts';
import { shellSize } from './support/shell-size.ts';

const size = atMost('app.shell-size', 250, 'kB');
const readable = atMost('app.evidence-readable', 1, 's');
const drawn = atMost('app.image-after-launch', 2.5, 's');
const timed = [readable, drawn];

/** Where `npm run build:app` writes the app, beside the compiled bench. */
const built = path.resolve(import.meta.dirname, '..', 'smart-app');

/** The SMART app as a clinician opens it from the card, with everything real and a browser that renders in software. */
export const app: Group = {
  name: 'app',
  about:
    'the SMART app: what it loads before the viewer, and an EHR launch in the sandbox from its address to the readable number and to the drawn image',
  goals: [size, ...timed],
  async run(context) {
    if (!existsSync(path.join(built, 'index.html')))
      return [size, ...timed].map((goal) => skippedRow(goal, 'the app is not built: npm run build:app'));
    const { script, style } = shellSize(built);
    const parts = { scriptKb: script / 1000, styleKb: style / 1000 };
    const rows = [measuredRow(size, { value: (script + style) / 1000, n: 1, parts })];
    if (timed.some(context.wants)) rows.push(...(await launches(context)));
    return rows;
  },
};

async function launches(context: Context): Promise<readonly Row[]> {
  const chromium = findChromium();
  if (chromium === null) return timed.map((goal) => skippedRow(goal, 'chromium is not installed'));
  const ehr = await openSandboxEhr(context);
  try {
    const browser = await launchChromium(chromium);
    try {
      // The first launch of a process also reads the EHR's configuration and keys.
      const first = await launch(browser, await ehr.launch());
      const found: Launch[] = [];
      const rounds = context.count(15);
      for (let round = 0; round < rounds; round += 1) {
        context.say(`app: ${round + 1} of ${rounds}`);
        found.push(await launch(browser, await ehr.launch()));
      }
      const of = (part: keyof Launch) => found.map((one) => one[part]);
      const [numbers, images] = [of('readable'), of('drawn')];
      return [
        measuredRow(readable, {
          value: median(numbers),
          n: rounds,
          each: numbers,
          parts: { signedInSeconds: median(of('signedIn')), firstSeconds: first.readable },
        }),
        measuredRow(drawn, {
          value: median(images),
          n: rounds,
          each: images,
          parts: { pressedSeconds: median(of('pressed')), firstSeconds: first.drawn },
        }),
      ];
    } finally {
      await browser.close();
    }
  } finally {
    await ehr.stop();
  }
}

/** Seconds from the navigation to the launch address. */
interface Launch {
  /** Until the app's own page had come, after the EHR had sent the browser back. */
  readonly signedIn: number;
  /** Until the number was on the screen. */
  readonly readable: number;
  /** Until the button of the image was pressed. */
  readonly pressed: number;
  /** Until its pixels were on the screen. */
  readonly drawn: number;
}

/** One launch in a browser that remembers nothing; the image is opened as soon as there is a button for it. */
async function launch(browser: Browser, address: string): Promise<Launch> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    await page.goto(address, { waitUntil: 'commit' });
    const signedIn = seconds();
    await numberShown(page);
    const readable = seconds();
    await page.getByRole('button', { name: 'Open the image', exact: true }).click();
    const pressed = seconds();
    await imageShown(page);
    return { signedIn, readable, pressed, drawn: seconds() };
  } finally {
    await context.close();
  }
}

/** Resolves after the frame that shows the probability. */
const numberShown = (page: Page) =>
  shown(page, "/\\d/.test(document.querySelector('.result-number strong')?.textContent)");

/** Resolves after the frame that shows a picture: before, the canvas is black or not there. */
const imageShown = (page: Page) =>
  shown(
    page,
    `[...document.querySelectorAll('.viewer-canvas canvas')].some((canvas) => canvas.width * canvas.height > 0 &&
      canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1).data
        .some((value, at) => at % 4 < 3 && value > 0))`,
  );

/** Looks at every frame. The loop is in the page: that of the browser's driver would look less often. */
async function shown(page: Page, condition: string): Promise<void> {
  await page.evaluate(`(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    while (!(${condition})) await frame();
    await frame();
  })()`);
}
