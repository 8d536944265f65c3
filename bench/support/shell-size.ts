import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** What a page loads before anything is opened in it, bytes after gzip at its default level, each file by itself. */
export interface ShellSize {
  readonly script: number;
  readonly style: number;
}

/**
 * The scripts and styles that `index.html` of a built page names, and what those import statically; what is imported
 * when it is needed does not count.
 *
 * @param folder with `index.html` and the page's `assets/`
 * @throws Error where a file is missing
 */
export function shellSize(folder: string): ShellSize {
  const found = new Set<string>();
  const follow = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    if (!file.endsWith('.js')) return;
    for (const imported of staticImports(readFileSync(file, 'utf8')))
      follow(path.resolve(path.dirname(file), imported));
  };
  for (const name of namedFiles(readFileSync(path.join(folder, 'index.html'), 'utf8')))
    follow(path.join(folder, 'assets', path.basename(name)));
  const sum = (ending: string) =>
    [...found]
      .filter((file) => file.endsWith(ending))
      .reduce((bytes, file) => bytes + gzipSync(readFileSync(file)).length, 0);
  return { script: sum('.js'), style: sum('.css') };
}

function namedFiles(html: string): string[] {
  return [...html.matchAll(/<(?:script|link)\b[^>]*?\b(?:src|href)="([^"]+\.(?:js|css))"/g)].map(
    ([, name]) => name as string,
  );
}

/** `import './a.js'`, `import … from './a.js'`, `export … from './a.js'`; not `import('./a.js')`. */
function staticImports(script: string): string[] {
  return [...script.matchAll(/\b(?:from|import)\s*["'](\.{1,2}\/[^"']+\.js)["']/g)].map(
    ([, name]) => name as string,
  );
}
