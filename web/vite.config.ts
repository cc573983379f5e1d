import { defineConfig } from 'vite';

/** `npm run build` calls it: the dashboard in dist/web, which the function app serves at /ui/. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/ui/',
  publicDir: false,
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    // light-dark() and nesting are left to the browser.
    cssTarget: ['chrome125', 'firefox125', 'safari18'],
    // The Content-Security-Policy knows no data: and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
