import path from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = import.meta.dirname;

/**
 * The page is served at `<prefix>/app/l/{launch}/`, what it loads at `<prefix>/app/assets/`. All addresses are relative,
 * so the prefix may be any.
 */
export default defineConfig({
  root: here,
  base: './',
  plugins: [react()],
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `../../${file}` : { relative: true }),
  },
  worker: { format: 'es' },
  build: {
    outDir: path.resolve(here, '..', 'dist', 'smart-app'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: 'es2022',
    // Browsers with light-dark() of their own: what would stand in for it does not follow a scheme that the EHR sets.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
  },
});
