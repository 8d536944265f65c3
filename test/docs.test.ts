import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { configFileSchema } from '#config/file';
import { settings } from '#config/settings';
import { errorTable } from '#core/error';
import { assessSchema, evaluateSchema, inspectSchema } from './support/output-schemas.ts';

const root = path.resolve(import.meta.dirname, '..');
const docs = (name: string) => path.join(root, 'docs', name);
const generated = (from: string) =>
  `<!-- Generated from ${from} by test/docs.test.ts; \`npx vitest run test/docs.test.ts -u\` writes it anew. -->`;

function markdownFiles(): string[] {
  const own = readdirSync(root).filter((name) => name.endsWith('.md'));
  const more = ['docs', 'training', 'examples', 'sandbox'].flatMap((folder) =>
    existsSync(path.join(root, folder))
      ? readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.md'))
          .map((name) => path.join(folder, name))
      : [],
  );
  return [...own, ...more];
}

describe('docs', () => {
  it('docs/errors.md is the table of codes', async () => {
    const rows = Object.entries(errorTable).map(
      ([code, entry]) => `| \`${code}\` | ${entry.status} | ${entry.issue} | ${entry.text} | ${entry.help} |`,
    );
    const text = [
      '# Error and reason codes',
      generated('src/core/error.ts'),
      '',
      'Every failure and every abstention carries one of these codes: in an OperationOutcome (`issue.details.coding`, of the CodeSystem `https://fovea.health/CodeSystem/reason`), on a card, in `fovea assess --json`, in the log. A code is a promise: texts may change, codes do not. `GATE_…`, `NO_MODEL` and `PATIENT_MISMATCH` are reasons to abstain: the model does not speak.',
      '',
      '| code | HTTP status | FHIR issue type | what it says | what would help |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot(docs('errors.md'));
  });

  it('docs/configuration.md is the table of settings', async () => {
    const rows = settings.map(
      (setting) => `| \`${setting.name}\` | ${setting.fallback} | ${setting.about} |`,
    );
    const text = [
      '# Configuration',
      generated('src/config/settings.ts'),
      '',
      'Everything is set by environment variable; `fovea doctor` shows what is in force. Tenants, deployments and execution providers stand in the JSON file that `FOVEA_CONFIG` names; its schema is [schemas/config.json](schemas/config.json), an example is [../examples/config.json](../examples/config.json).',
      '',
      '| variable | default | what it does |',
      '|---|---|---|',
      ...rows,
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot(docs('configuration.md'));
  });

  it('docs/schemas/config.json is the schema of the configuration file', async () => {
    await expect(`${JSON.stringify(configFileSchema, null, 2)}\n`).toMatchFileSnapshot(
      docs('schemas/config.json'),
    );
  });

  it.each([
    ['assess', assessSchema],
    ['inspect', inspectSchema],
    ['evaluate', evaluateSchema],
  ])('docs/schemas/%s.json is the schema that the command is held against', async (name, schema) => {
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(docs(`schemas/${name}.json`));
  });

  it('links between documents lead somewhere', () => {
    const broken = markdownFiles().flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      return [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1] as string)
        .filter((link) => !existsSync(path.join(root, path.dirname(file), link)))
        .map((link) => `${file}: ${link}`);
    });
    expect(broken).toEqual([]);
  });

  it('files and folders that documents name in code are there', () => {
    const missing = markdownFiles().flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      return [...text.matchAll(/`((?:src|hooks|sandbox|training|test|bench|docs|examples|\.ci)\/[\w./-]+)`/g)]
        .map((match) => (match[1] as string).replace(/\/$/, ''))
        .filter((name) => !existsSync(path.join(root, name)))
        .map((name) => `${file}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('npm scripts that documents name are there', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const missing = markdownFiles().flatMap((file) =>
      [...readFileSync(path.join(root, file), 'utf8').matchAll(/`npm run ([\w:-]+)/g)]
        .map((match) => match[1] as string)
        .filter((name) => scripts[name] === undefined)
        .map((name) => `${file}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('no document and no source names a path of somebody’s machine', () => {
    const suspicious = /(^|[^A-Za-z0-9_.])\/(?:work|farm|home)\/|\/tmp\/(?!fovea)/;
    const files = [...markdownFiles(), 'package.json', '.ci/run'];
    expect(files.filter((file) => suspicious.test(readFileSync(path.join(root, file), 'utf8')))).toEqual([]);
  });
});
