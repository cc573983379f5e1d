import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/**
 * Every rule of axe, in both themes; the answers name what is wrong and where. The page has no
 * frames, so nothing is lost by the mode that needs no second page.
 */
export async function expectNoViolations(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations, passes } = await new AxeBuilder({ page }).setLegacyMode().analyze();
    const found = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    );
    expect({ address: page.url(), colorScheme, found }).toMatchObject({ found: [] });
    // A page that axe could not look at would have no violation either.
    expect(passes.length).toBeGreaterThan(10);
  }
}

/** Nothing sticks out at the side, neither of the page nor of a table's card. */
export async function expectNoOverflow(page: Page): Promise<void> {
  const tooWide = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('.card')]
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ tagName, className }) => `${tagName} ${className}`),
  );
  expect({ address: page.url(), tooWide }).toEqual({ address: page.url(), tooWide: [] });
}
