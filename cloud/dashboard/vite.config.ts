import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Where the API listens while the dashboard is developed; the built files are served by the API itself. */
const api = process.env['SHOAL_API'] ?? 'http://127.0.0.1:8000';

/** The service worker with the names of all built files, so that an installed dashboard opens without a network. */
function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    generateBundle: {
      // After the page has been put together: an entry that it needs no more is gone by then.
      order: 'post',
      handler(_options, bundle) {
        const files = Object.keys(bundle)
          .filter((name) => name.startsWith('assets/'))
          .sort()
          .map((name) => `/${name}`);
        const version = createHash('sha256').update(files.join()).digest('hex').slice(0, 12);
        const source = readFileSync('service-worker.js', 'utf8')
          .replace('__VERSION__', version)
          .replace("['__FILES__']", JSON.stringify(files));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source });
      },
    },
  };
}

interface Graph {
  getModuleInfo: (id: string) => { readonly importedIds: readonly string[] } | null;
}

/** What an entry cannot run without. */
function neededBy(entry: string, graph: Graph): ReadonlySet<string> {
  const needed = new Set<string>();
  const waiting = [entry];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (needed.has(id)) continue;
    needed.add(id);
    waiting.push(...(graph.getModuleInfo(id)?.importedIds ?? []));
  }
  return needed;
}

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));
let first: ReadonlySet<string> | undefined;
let main: ReadonlySet<string> | undefined;

/**
 * Three files instead of thirty, for a phone asks for six at once and each question takes 150 ms: the first script, the libraries, and
 * the wall. Pages that are opened later keep files of their own.
 */
function fileOf(id: string, graph: Graph): string | null {
  first ??= neededBy(source('first.ts'), graph);
  main ??= neededBy(source('main.tsx'), graph);
  if (first.has(id)) return 'first';
  if (!main.has(id)) return null;
  return id.includes('/node_modules/') ? 'libraries' : 'main';
}

export default defineConfig({
  plugins: [react(), serviceWorker()],
  build: {
    outDir: 'dist',
    target: 'es2022',
    sourcemap: false,
    // No inline scripts: the page must work under a strict content security policy.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: fileOf, debugName: 'files of the first load' }] } },
    },
    license: { fileName: 'licences.md' },
  },
  server: { proxy: { '/api': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node', setupFiles: ['src/i18n/forTests.ts'] },
});
