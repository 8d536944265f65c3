import { type Browser, chromium, type Page } from 'playwright-core';
import { findCommand, type ServerAvailability, serverOrSkip } from './servers.ts';

const executable = findCommand('chromium') ?? findCommand('chromium-browser');

/** Whether Debian's Chromium is here; the rule for tests without it is that of `serverOrSkip`. */
export function chromiumOrSkip(): ServerAvailability {
  return serverOrSkip('Chromium (Debian: chromium)', executable !== null);
}

/** Debian's Chromium, headless, with software rendering and further switches. Only after {@link chromiumOrSkip} said that it is there. */
export function launchChromium(...switches: readonly string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: executable as string,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...switches],
  });
}

/** What axe found, as text that a failed test can print; empty: nothing. */
export interface Violation {
  readonly id: string;
  readonly help: string;
  readonly where: readonly string[];
}

/** Runs axe-core on the whole page: WCAG 2.2 A and AA and axe's best practices. @param source the text of `axe.min.js` */
export async function axeViolations(page: Page, source: string): Promise<readonly Violation[]> {
  await page.evaluate(source);
  return page.evaluate(async () => {
    const run = Reflect.get(globalThis, 'axe') as {
      run(): Promise<{
        violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[];
      }>;
    };
    const { violations } = await run.run();
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes
        .slice(0, 5)
        .map(({ html, failureSummary }) => `${html.slice(0, 200)}: ${failureSummary ?? ''}`),
    }));
  });
}
