import { type Browser, chromium } from 'playwright-core';
import { findCommand } from './commands.ts';

/** Absolute path of the Chromium that is installed; null where there is none. */
export function findChromium(): string | null {
  return findCommand('chromium') ?? findCommand('chromium-browser');
}

/** A headless Chromium that renders in software. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}
