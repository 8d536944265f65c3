import { describe, expect, it } from 'vitest';
import { untoldInWords } from '#hooks/imaging-assessment/notes';
import { cut, plainText } from '#hooks/imaging-assessment/wording';

describe('text of a record on a card', () => {
  it('never holds half a character, however it came or was cut', () => {
    expect(plainText('Chest \ud83d view')).toBe('Chest view');
    expect(plainText('Chest 🩻 view')).toBe('Chest 🩻 view');
    for (let length = 0; length <= 12; length++) {
      const short = cut(`Chest ${'🩻'.repeat(3)}`, length);
      expect(short.length).toBeLessThanOrEqual(length);
      expect(plainText(short)).toBe(short);
    }
  });
});

describe('what has no card of its own', () => {
  const nothing = {
    rest: [],
    incomplete: false,
    unread: 0,
    olderThanLookback: 0,
    beyondNewest: 0,
    lookbackDays: 365,
  };

  it('studies beyond the newest that a call looks at are counted', () => {
    expect(untoldInWords(nothing)).toBeNull();
    expect(untoldInWords({ ...nothing, beyondNewest: 80, unread: 1 })).toBe(
      'Not looked at: 80 studies beyond the newest ones, 1 study of a kind that no model here reads.',
    );
  });
});
