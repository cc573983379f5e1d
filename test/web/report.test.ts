import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { CONTENT_SECURITY_POLICY, renderHtml } from '../../shared/api/report/html.ts';
import { reportDocument } from '../../shared/api/report/reportDocument.ts';
import { sampleReport } from '../api/report/sampleReport.ts';
import { expectNoOverflow, expectNoViolations } from './support/accessibility.ts';
import { useBrowser } from './support/browser.ts';

const html = renderHtml(reportDocument(await sampleReport()));
const server = createServer((_request, response) => {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': CONTENT_SECURITY_POLICY,
  });
  response.end(html);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const browser = useBrowser();

test('the report is styled under its own policy, and can be read by everybody', async () => {
  const page = await browser.open(address);
  const rule = await page
    .locator('h2')
    .first()
    .evaluate((heading) => {
      return getComputedStyle(heading).borderBottomStyle;
    });
  expect(rule).toBe('solid');
  await expectNoViolations(page);
});

test('the report fits a phone, and a name in it is a name', async () => {
  const page = await browser.open(address, { viewport: { width: 390, height: 800 } });
  await expectNoOverflow(page);
  expect(await page.locator('img, script, a').count()).toBe(0);
  expect(await page.locator('body').innerText()).toContain('<img src=x onerror=alert(1)>');
});
