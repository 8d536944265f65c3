import { describe, expect, it } from 'vitest';
import { isReference, isText, isUuid, webUrl, wellFormed } from '#cds/json';

describe('isReference', () => {
  it.each(['Patient/1', 'PractitionerRole/a-b.c', 'Xy/x'])('%s is one', (value) => {
    expect(isReference(value)).toBe(true);
  });

  it.each(['xPatient/1', 'Patient1/1', 'P/1', 'patient/1', 'Patient', 'Patient/', 'Patient/1/2', '/1', 7])(
    '%s is none',
    (value) => {
      expect(isReference(value)).toBe(false);
    },
  );
});

describe('webUrl', () => {
  it.each(['https://a.example/x', 'HTTP://a.example'])('%s is one', (value) => {
    expect(webUrl(value)?.hostname).toBe('a.example');
  });

  it.each([
    'xhttps://a.example',
    'blob:https://a.example/x',
    'https:///a.example',
    'https://u@a.example',
    'https://a .example',
    'https://a.example\\x',
    ['https://a.example'],
    null,
  ])('%j is none', (value) => {
    expect(webUrl(value)).toBeNull();
  });
});

it('a UUID is a string of its form', () => {
  const uuid = 'D1577c69-dfbe-44ad-ba6d-3e05e953b2ea';
  expect([isUuid(uuid), isUuid([uuid]), isUuid(`${uuid}0`), isUuid(`0${uuid}`)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

it('a text has neither NUL nor half a character, and half a character can be mended', () => {
  for (const text of ['a\u0000', 'a\ud83d', '\ude00a', ' ', '', 7])
    expect(isText(text), String(text)).toBe(false);
  expect(isText('a😀')).toBe(true);
  expect([wellFormed('a\ud83d'), wellFormed('\ude00a\ud83d'), wellFormed('a😀')]).toEqual([
    'a\ufffd',
    '\ufffda\ufffd',
    'a😀',
  ]);
});
