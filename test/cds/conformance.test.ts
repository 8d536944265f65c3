import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { sharedConformance, sharedDataMissing } from '../support/shared.ts';
import { titlesOf } from '../support/test-titles.ts';

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

/** Titles of `it` and `describe`, and the names of the rows and cases that they run over. */
function titles(): string {
  const files = [
    ...readdirSync(path.join(root, 'test', 'cds')).map((name) => path.join('test', 'cds', name)),
    path.join('test', 'auth', 'client-jwt.test.ts'),
  ].filter((file) => file.endsWith('.test.ts') && !file.endsWith('conformance.test.ts'));
  const cases = readdirSync(path.join(root, 'test', 'cds', 'cases')).flatMap((name) =>
    (JSON.parse(textOf('test', 'cds', 'cases', name)) as { cases: { name: string }[] }).cases.map(
      (one) => one.name,
    ),
  );
  return [...files.flatMap((file) => titlesOf(textOf(file), file)), ...cases].join('\n');
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

  const published = sharedConformance('cds-hooks-2.0-service-requirements.csv');
  it.skipIf(published === null)(
    `the requirements are those that are published${published === null ? ` (${sharedDataMissing})` : ''}`,
    () => {
      const rows: { id: string }[] = parse(readFileSync(String(published)), { columns: true });
      expect(rows.map(({ id }) => id)).toEqual(requirements.map((id) => `cds-hooks_2.0@${id}`));
    },
  );

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

describe('what counts as a title', () => {
  const code = `
    const rows = [['@4 a row of a named table', '@5 another column']];
    describe('@1 a group', () => {
      it('@2 a test', () => expect('@91').toBe("@92"));
      it.each(['@3 a row'])('%s', () => {});
      it.each(rows)('%s', () => {});
      it.each<string>([{ name: '@6 a case', about: '@93' }] as const)('$name', () => {});
      test.concurrent(\`@7 \${rows.length} tests\`, () => {});
      it.each([['@94 shown nowhere']])('a title without a place', () => {});
      it.skip('@95 skipped', () => {});
      it.todo('@96 planned');
      it.skip.each(['@97'])('%s', () => {});
      describe.skip('@98', () => it('@89 in a group that is skipped', () => {}));
      call('@99');
      rows.each(['@90'])('%s');
    });
  `;

  it('is the first argument of a test that runs, and the first column of its table', () => {
    expect([...idsIn(titlesOf(code).join('\n'))].sort()).toEqual(['@1', '@2', '@3', '@4', '@6', '@7']);
  });
});
