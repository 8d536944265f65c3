import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Holds three lists together: the ids of CDS Hooks 2.0 that fall on a service, the titles of the tests, and
 * docs/conformance/cds-hooks.md, which explains the ids that no test can hold. Each id is in exactly one of the two.
 */
const root = path.resolve(import.meta.dirname, '..', '..');
const textOf = (...parts: string[]) => readFileSync(path.join(root, ...parts), 'utf8');

const { requirements, items } = JSON.parse(
  textOf('test', 'fixtures', 'conformance', 'cds-hooks-2.0-ids.json'),
) as {
  readonly requirements: readonly number[];
  readonly items: readonly number[];
};
const known = new Set([...requirements.map((id) => `@${id}`), ...items.map((id) => `item ${id}`)]);

/** Titles of `it` and `describe`, the rows of their tables, and the names of cases: every string that names an id. */
function titles(): string {
  const files = [
    ...readdirSync(path.join(root, 'test', 'cds')).map((name) => path.join('test', 'cds', name)),
    path.join('test', 'auth', 'client-jwt.test.ts'),
  ].filter((file) => file.endsWith('.test.ts') && !file.endsWith('conformance.test.ts'));
  const code = files.flatMap((file) => textOf(file).match(/'[^'\n]*'|`[^`\n]*`|"[^"\n]*"/g) ?? []);
  const cases = readdirSync(path.join(root, 'test', 'cds', 'cases')).flatMap((name) =>
    (JSON.parse(textOf('test', 'cds', 'cases', name)) as { cases: { name: string }[] }).cases.map(
      (one) => one.name,
    ),
  );
  return [...code, ...cases].join('\n');
}

const idsIn = (text: string) => new Set(text.match(/(?<![\w.])@\d+\b|\bitem \d+\b/g) ?? []);
const tested = idsIn(titles());
const document = textOf('docs', 'conformance', 'cds-hooks.md');
const explained = new Set(
  [...document.matchAll(/^\| (@\d+|item \d+) \| [^|]{20,} \|$/gm)].map((match) => String(match[1])),
);

describe('conformance with CDS Hooks 2.0', () => {
  it('the list has the 120 requirements on a service and the 49 items of the checklist', () => {
    expect([new Set(requirements).size, requirements.length, new Set(items).size, items.length]).toEqual([
      120, 120, 49, 49,
    ]);
  });

  it('every id is named by a test or explained', () => {
    expect([...known].filter((id) => !tested.has(id) && !explained.has(id)).join(' ')).toBe('');
  });

  it('no id is both', () => {
    expect([...explained].filter((id) => tested.has(id))).toEqual([]);
  });

  it('no test and no explanation names an id that does not exist', () => {
    expect([...tested, ...idsIn(document)].filter((id) => !known.has(id))).toEqual([]);
  });

  it('the document says how many are tested and how many explained', () => {
    const count = (ids: ReadonlySet<string>, sign: string) =>
      [...ids].filter((id) => id.startsWith(sign)).length;
    expect(document).toContain(
      `${count(tested, '@')} of the 120 requirements and ${count(tested, 'item')} of the 49 items are held by tests; ${count(explained, '@')} requirements and ${count(explained, 'item')} items are explained here.`,
    );
  });
});
