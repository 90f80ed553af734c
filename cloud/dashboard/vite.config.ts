import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Where the API listens while the dashboard is developed; the built files are served by the API itself. */
const api = process.env['SHOAL_API'] ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    target: 'es2022',
    sourcemap: false,
    // No inline scripts: the page must work under a strict content security policy.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: { fileName: 'licences.md' },
  },
  server: { proxy: { '/api': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
