import { describe, expect, it } from 'vitest';
import { followPages, hasMorePages } from '#cds/pages';
import { ServiceError } from '#core/error';

const base = 'https://fhir.example/r4';
const bundle = (next: unknown, ...entry: unknown[]) => ({
  resourceType: 'Bundle',
  link: [{ relation: 'next', url: next }],
  entry,
});

describe('hasMorePages', () => {
  it.each([
    ['a Bundle with a next link', bundle('x'), true],
    ['a Bundle whose next link is empty', bundle(''), false],
    ['a Bundle whose next link is no string', bundle(7), false],
    ['a Bundle with other links', { resourceType: 'Bundle', link: [{ relation: 'self', url: 'x' }] }, false],
    ['a Bundle without links', { resourceType: 'Bundle' }, false],
    [
      'a Bundle whose links are no array',
      { resourceType: 'Bundle', link: { relation: 'next', url: 'x' } },
      false,
    ],
    ['a Bundle with a link that is null', { resourceType: 'Bundle', link: [null] }, false],
    ['another resource', { ...bundle('x'), resourceType: 'List' }, false],
    ['null', null, false],
  ])('%s', (_name, value, expected) => {
    expect(hasMorePages(value)).toBe(expected);
  });
});

describe('followPages', () => {
  const fetchFrom = (pages: Readonly<Record<string, unknown>>, asked: string[]) => async (url: string) => {
    asked.push(url);
    if (!(url in pages)) throw new ServiceError('FHIR_UNAVAILABLE');
    return pages[url];
  };

  it.each([
    ['Condition?page=2', 'https://fhir.example/r4/Condition?page=2'],
    ['?page=2', 'https://fhir.example/r4/?page=2'],
    ['https://fhir.example/r4?page=2', 'https://fhir.example/r4?page=2'],
    ['../admin', 'https://fhir.example/admin'],
  ])('item 47 a next link goes to the port as absolute address, for it to judge: %s', async (next, url) => {
    for (const written of [base, `${base}//`]) {
      const asked: string[] = [];
      await followPages(bundle(next), { base: written, maxPages: 5, fetch: fetchFrom({}, asked) });
      expect(asked).toEqual([url]);
    }
  });

  it('item 47 a next link that is no address is not asked for', async () => {
    const asked: string[] = [];
    const first = bundle('http://[', 1);
    expect(await followPages(first, { base, maxPages: 5, fetch: fetchFrom({}, asked) })).toEqual(first);
    expect(asked).toEqual([]);
  });

  it('takes pages of 300,000 entries', async () => {
    const many = Array.from({ length: 300_000 }, () => ({}));
    const pages = { [`${base}/2`]: { resourceType: 'Bundle', entry: many } };
    const first = { ...bundle('2'), entry: many };
    const read = await followPages(first, { base, maxPages: 5, fetch: fetchFrom(pages, []) });
    expect(read['entry']).toHaveLength(600_000);
  });

  it('leaves no empty list of links or entries behind', async () => {
    const pages = { [`${base}/2`]: { resourceType: 'Bundle' } };
    expect(await followPages(bundle('2'), { base, maxPages: 5, fetch: fetchFrom(pages, []) })).toEqual({
      resourceType: 'Bundle',
    });
  });

  it('stops at a page that it has seen', async () => {
    const asked: string[] = [];
    const pages = { [`${base}/2`]: bundle('3', 2), [`${base}/3`]: bundle('2', 3) };
    const read = await followPages(bundle('2', 1), { base, maxPages: 50, fetch: fetchFrom(pages, asked) });
    expect(asked).toEqual([`${base}/2`, `${base}/3`]);
    expect(read).toEqual({
      resourceType: 'Bundle',
      link: [{ relation: 'next', url: '2' }],
      entry: [1, 2, 3],
    });
  });

  it.each([
    ['no Bundle', { resourceType: 'OperationOutcome' }],
    ['no resource', 'x'],
  ])('stops at a page that is %s', async (_name, page) => {
    const read = await followPages(bundle('2', 1), {
      base,
      maxPages: 5,
      fetch: fetchFrom({ [`${base}/2`]: page }, []),
    });
    expect(read).toEqual(bundle('2', 1));
  });

  it('with a limit of one page nothing is fetched', async () => {
    const asked: string[] = [];
    await followPages(bundle('2', 1), { base, maxPages: 1, fetch: fetchFrom({}, asked) });
    expect(asked).toEqual([]);
  });

  it('a bug in the fetch is not taken for a page that is missing', async () => {
    const fetch = () => Promise.reject(new TypeError('x'));
    await expect(followPages(bundle('2', 1), { base, maxPages: 5, fetch })).rejects.toThrow(TypeError);
  });
});
