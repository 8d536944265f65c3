import { describe, expect, it } from 'vitest';
import { aboutOutOf, outOf, peopleFor, percent, percentRange, percentWithRange } from '#core/shares';

/** The space before % is one that does not break. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('percents', () => {
  it.each([
    [0, '<1 %'],
    [0.0099, '<1 %'],
    [0.01, '1 %'],
    [0.594, '59 %'],
    [0.99, '99 %'],
    [0.9901, '>99 %'],
    [1, '>99 %'],
  ])('%d is %s: never 0 or 100', (share, told) => {
    expect(plain(percent(share))).toBe(told);
  });

  it.each<[readonly [number, number], string]>([
    [[0.41, 0.78], '41 to 78 %'],
    [[0.001, 0.02], '<1 to 2 %'],
    [[0.97, 0.999], '97 to >99 %'],
    [[0.001, 0.0099], 'below 1 %'],
    [[0.9901, 1], 'above 99 %'],
  ])('an interval of %j is %s', (interval, told) => {
    expect(plain(percentRange(interval))).toBe(told);
  });

  it('a number and its interval that are both beyond the ends are said once', () => {
    expect(plain(percentWithRange(0.59, [0.41, 0.78]))).toBe('59 % (41 to 78 %)');
    expect(plain(percentWithRange(0.004, [0.001, 0.02]))).toBe('<1 % (<1 to 2 %)');
    expect(plain(percentWithRange(0.001, [0.0002, 0.004]))).toBe('below 1 %');
    expect(plain(percentWithRange(0.998, [0.993, 1]))).toBe('above 99 %');
  });
});

describe('natural frequencies', () => {
  it.each([
    [0.59, '59 of 100'],
    [0.0095, '1 of 100'],
    [0.0094, '9 of 1,000'],
    [0.004, '4 of 1,000'],
    [0.0004, 'fewer than 1 of 1,000'],
    [0, 'fewer than 1 of 1,000'],
    [0.99, '99 of 100'],
    [0.996, '996 of 1,000'],
    [0.9997, 'more than 999 of 1,000'],
    [1, 'more than 999 of 1,000'],
  ])('%d is told as %s: never none, never all', (share, told) => {
    expect(outOf(share, peopleFor(share))).toBe(told);
  });

  it('shares that are compared are told of the same number of people', () => {
    expect(peopleFor(0.2, 0.77, 0.004)).toBe(1000);
    expect(outOf(0.2, peopleFor(0.2, 0.004))).toBe('200 of 1,000');
  });

  it('only a count is an estimate', () => {
    expect(aboutOutOf(0.59, 100)).toBe('about 59 of 100');
    expect(aboutOutOf(0.0001, 1000)).toBe('fewer than 1 of 1,000');
  });
});
