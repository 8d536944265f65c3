import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

/**
 * Who may import whom, by folder: the table of docs/architecture.md. A leaf never imports a leaf; what two leaves
 * share is a type in core. `compose` stands for src/compose.ts, `config` for src/config.ts.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  statistics: ['core'],
  cds: ['core'],
  fhir: ['core'],
  dicom: ['core'],
  inference: ['core'],
  auth: ['core'],
  store: ['core'],
  assessment: ['core', 'statistics', 'cds', 'fhir', 'dicom', 'inference', 'auth', 'store'],
  operations: ['core', 'statistics', 'cds', 'fhir', 'dicom', 'inference', 'auth', 'store', 'assessment'],
  hooks: ['core', 'cds'],
  config: ['core'],
  server: ['core', 'cds'],
  compose: [
    'core',
    'statistics',
    'cds',
    'fhir',
    'dicom',
    'inference',
    'auth',
    'store',
    'assessment',
    'operations',
    'hooks',
    'config',
    'server',
  ],
  cli: [
    'core',
    'statistics',
    'dicom',
    'inference',
    'auth',
    'assessment',
    'operations',
    'store',
    'config',
    'server',
    'compose',
    'sandbox',
  ],
  sandbox: [],
};

/** Single files that are stricter than their folder. */
const stricter: readonly { readonly folder: string; readonly only: RegExp; readonly why: string }[] = [
  { folder: 'cds', only: /^#core\/error$/, why: 'cds could be published alone: of core it uses error.ts' },
  {
    folder: 'sandbox',
    only: /^$/,
    why: 'the sandbox talks HTTP; cli/sandbox.ts starts its thread by file name',
  },
];

function sources(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
      .filter((file) => !file.startsWith(path.join('sandbox', 'chart', path.sep))),
  );
}

const files = sources('src', 'hooks', 'sandbox');
const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');

function folderOf(file: string): string {
  const [first, second] = file.split(path.sep);
  if (first !== 'src') return first as string;
  return (second as string).replace(/\.ts$/, '');
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = textOf(file);
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)) {
    found.push({ specifier: match[2] as string, typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g))
    found.push({ specifier: match[1] as string, typeOnly: false });
  return found;
}

/** The file that a specifier of ours leads to, relative to the root, or null for a package. */
function target(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return path.normalize(path.join(path.dirname(from), specifier));
  if (!specifier.startsWith('#')) return null;
  const name = specifier.slice(1);
  return /^(hooks|sandbox|bench)\//.test(name) ? `${name}.ts` : path.join('src', `${name}.ts`);
}

describe('architecture', () => {
  it('imports go in the direction of the table', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const folder = folderOf(file);
      const allowed = mayImport[folder];
      if (allowed === undefined) {
        wrong.push(`${file}: its folder is not in the table`);
        continue;
      }
      for (const { specifier } of importsOf(file)) {
        const to = target(file, specifier);
        if (to === null) continue;
        const toFolder = folderOf(to);
        if (toFolder !== folder && !allowed.includes(toFolder)) wrong.push(`${file} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(stricter)('$folder: $why', ({ folder, only }) => {
    const wrong = files
      .filter((file) => folderOf(file) === folder)
      .flatMap((file) => importsOf(file).map(({ specifier }) => ({ file, specifier })))
      .filter(
        ({ specifier }) =>
          specifier.startsWith('#') && !specifier.startsWith(`#${folder}/`) && !only.test(specifier),
      );
    expect(wrong).toEqual([]);
  });

  it('the app in the browser knows types of core and cds, and no code of ours', () => {
    const wrong = sources('smart-app').flatMap((file) =>
      importsOf(file)
        .filter(({ specifier, typeOnly }) =>
          specifier.startsWith('.')
            ? !path.normalize(path.join(path.dirname(file), specifier)).startsWith(`smart-app${path.sep}`)
            : specifier.startsWith('#') && !(typeOnly && /^#(core|cds)\//.test(specifier)),
        )
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('other folders are named by subpath, the same folder by relative path', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => {
          const to = target(file, specifier);
          if (to === null) return false;
          return specifier.startsWith('.')
            ? folderOf(to) !== folderOf(file) && folderOf(file) !== 'compose'
            : false;
        })
        .map(({ specifier }) => `${file}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('there is no import cycle', () => {
    const graph = new Map(
      files.map((file) => [
        file,
        importsOf(file)
          .filter(({ typeOnly }) => !typeOnly)
          .map(({ specifier }) => target(file, specifier))
          .filter((to): to is string => to !== null),
      ]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      const at = trail.indexOf(file);
      if (at >= 0) cycles.push([...trail.slice(at), file].join(' -> '));
      if (at >= 0 || done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('every import leads to a file that exists', () => {
    const known = new Set(files);
    const missing = files.flatMap((file) =>
      importsOf(file)
        .map(({ specifier }) => ({ specifier, to: target(file, specifier) }))
        .filter(({ to }) => to !== null && !known.has(to) && !to.endsWith('.json'))
        .map(({ specifier }) => `${file}: ${specifier}`),
    );
    expect(missing).toEqual([]);
  });

  it.each([
    { rule: 'only config.ts reads the environment', pattern: /process\.env\b/, except: /^src\/config\.ts$/ },
    { rule: 'errors of a user’s path have a code', pattern: /throw new Error\(/, except: /^sandbox\// },
    { rule: 'no failure is swallowed', pattern: /catch\s*(?:\([^)]*\))?\s*\{\s*\}/, except: /^$/ },
    { rule: 'no module-level mutable state', pattern: /^(?:export )?(?:let|var) /m, except: /^$/ },
    { rule: 'no barrels', pattern: /^export \* from/m, except: /^$/ },
    {
      rule: 'nothing is left for later',
      pattern: /\b(?:TODO|FIXME|XXX|HACK|not implemented)\b/,
      except: /^$/,
    },
    {
      rule: 'no switch is turned off for the type checker',
      pattern: /@ts-(?:ignore|nocheck|expect-error)/,
      except: /^$/,
    },
  ])('$rule', ({ pattern, except }) => {
    expect(files.filter((file) => !except.test(file) && pattern.test(textOf(file)))).toEqual([]);
  });

  it('a file of code has at most 400 lines (tables of data excepted)', () => {
    const tables = new Set(['src/core/error.ts', 'src/core/source-attributes.ts']);
    expect(files.filter((file) => !tables.has(file) && textOf(file).split('\n').length > 401)).toEqual([]);
  });

  it('a hook service is one folder with service.ts and cases.json, and its line in the list', () => {
    const folders = readdirSync(path.join(root, 'hooks'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const list = textOf('hooks/index.ts');
    for (const folder of folders) {
      const names = readdirSync(path.join(root, 'hooks', folder.name));
      expect(names, folder.name).toEqual(expect.arrayContaining(['service.ts', 'cases.json']));
      expect(list).toContain(`./${folder.name}/service.ts`);
    }
  });
});
