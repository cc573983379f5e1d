import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { chromiumAdvice, findChromium } from '../../../scripts/bootstrap/chromium.mjs';

export interface TestBrowser {
  /** A page of a context of its own; closed after the test, which fails if the page complained. */
  open(address: string, options?: BrowserContextOptions): Promise<Page>;
}

/** How long a page may take to show something; a whole migration step has more. */
export const PATIENCE_MS = 20_000;

/** A Chromium for the tests of the file. */
export function useBrowser(): TestBrowser {
  let browser: Browser | undefined;
  const complaints: string[] = [];
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.close());
  return {
    open: async (address, options = {}) => {
      if (browser === undefined) throw new Error('The browser is not there yet.');
      const context = await browser.newContext({ locale: 'en-GB', ...options });
      closing.push(() => context.close());
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      watch(page, new URL(address).origin, complaints);
      await page.goto(address);
      return page;
    },
  };
}

export async function startChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(chromiumAdvice());
  // Its sandbox refuses to run for root, which is who a container's tests run as.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args });
}

/** Errors of the page, what its policy refused, and requests to anybody else. */
function watch(page: Page, origin: string, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (/Content[- ]Security[- ]Policy/i.test(text)) complaints.push(`policy: ${text}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) {
      complaints.push(`request to ${url.origin}`);
    }
  });
}
