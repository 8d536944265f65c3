import { describe, expect, it } from 'vitest';
import { below, followPages, hasMorePages } from '#cds/pages';
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

describe('item 47 where a next link may lead', () => {
  it.each([
    ['https://fhir.example/r4?page=2', 'https://fhir.example/r4?page=2'],
    ['https://fhir.example/r4/?page=2', 'https://fhir.example/r4/?page=2'],
    ['https://fhir.example/r4/Condition?page=2', 'https://fhir.example/r4/Condition?page=2'],
    ['Condition?page=2', 'https://fhir.example/r4/Condition?page=2'],
    ['?page=2', 'https://fhir.example/r4/?page=2'],
    ['https://FHIR.example:443/r4/x', 'https://fhir.example/r4/x'],
    ['https://fhir.example/r4x', null],
    ['https://fhir.example/', null],
    ['https://fhir.example/r4/../admin', null],
    ['../admin', null],
    ['//evil.example/r4/x', null],
    ['http://fhir.example/r4/x', null],
    ['https://fhir.example:8443/r4/x', null],
    ['https://fhir.example@evil.example/r4/x', null],
    ['https://u@fhir.example/r4/x', null],
    ['https://:p@fhir.example/r4/x', null],
    ['http://[', null],
  ])('%s', (link, expected) => {
    expect(below(base, link)).toBe(expected);
    expect(below(`${base}//`, link)).toBe(expected);
  });

  it('a server without base path', () => {
    expect(below('https://fhir.example', 'https://fhir.example?x=1')).toBe('https://fhir.example/?x=1');
    expect(below('https://fhir.example', 'https://fhir.example/x')).toBe('https://fhir.example/x');
    expect(below('https://fhir.example', 'https://other.example/x')).toBeNull();
  });
});

describe('followPages', () => {
  const fetchFrom = (pages: Readonly<Record<string, unknown>>, asked: string[]) => async (url: string) => {
    asked.push(url);
    if (!(url in pages)) throw new ServiceError('FHIR_UNAVAILABLE');
    return pages[url];
  };

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
