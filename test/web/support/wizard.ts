import type { Page } from 'playwright-core';

/** Fills a server's step of the wizard, as a person would. */
export async function fillServer(
  page: Page,
  server: { host: string; port: number; user: string; password?: string },
): Promise<void> {
  await page.getByLabel('Host', { exact: true }).fill(server.host);
  await page.getByLabel('Port').fill(String(server.port));
  await page.getByLabel('User').fill(server.user);
  await page.getByLabel('Password', { exact: true }).fill(server.password ?? 'secret');
}
